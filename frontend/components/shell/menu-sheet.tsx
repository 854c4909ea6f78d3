"use client";

import { Mark } from "./mark";
import { NavigationList } from "./navigation";
import { Sheet } from "@/components/ui/dialog";
import { useStrings } from "@/lib/strings";

/** The areas, from the left edge of a phone. */
export default function MenuSheet({ onClose }: { onClose: () => void }) {
  const { shell } = useStrings();
  return (
    <Sheet open onOpenChange={onClose} title={<Mark />}>
      <nav aria-label={shell.menu}>
        <NavigationList />
      </nav>
    </Sheet>
  );
}
