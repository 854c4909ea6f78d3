import type { Metadata } from "next";

import { OwnKeys } from "./own-keys";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.access.tabs.keys };

export default function KeysPage() {
  return (
    <NeedsTenant>
      <OwnKeys />
    </NeedsTenant>
  );
}
