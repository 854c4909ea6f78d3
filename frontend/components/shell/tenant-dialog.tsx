"use client";

import { TenantList } from "./tenant-list";
import { Dialog } from "@/components/ui/dialog";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export default function TenantDialog({ onClose }: { onClose: () => void }) {
  const { shell } = useStrings();
  const { tenant, switchTenant } = useSession();
  const choose = (chosen: string) => {
    onClose();
    switchTenant(chosen);
  };
  return (
    <Dialog open onOpenChange={onClose} title={shell.tenant.choose} description={shell.tenant.chooseDetail}>
      <TenantList current={tenant} onChoose={choose} />
    </Dialog>
  );
}
