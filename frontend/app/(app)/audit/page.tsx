import type { Metadata } from "next";
import { Suspense } from "react";

import { Audit } from "./audit";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.audit.title };

export default function AuditPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Audit scope="tenant" />
      </Suspense>
    </NeedsTenant>
  );
}
