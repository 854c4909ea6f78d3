import type { Metadata } from "next";

import { Usage } from "./usage";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.usage.title };

export default function UsagePage() {
  return (
    <NeedsTenant>
      <Usage />
    </NeedsTenant>
  );
}
