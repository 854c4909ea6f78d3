import type { Metadata } from "next";

import { Privacy } from "./privacy";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.usage.privacy.title };

export default function PrivacyPage() {
  return (
    <NeedsTenant>
      <Privacy />
    </NeedsTenant>
  );
}
