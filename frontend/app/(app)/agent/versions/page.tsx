import type { Metadata } from "next";
import { Suspense } from "react";

import { Versions } from "./versions";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.agent.versionsTitle };

export default function VersionsPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Versions />
      </Suspense>
    </NeedsTenant>
  );
}
