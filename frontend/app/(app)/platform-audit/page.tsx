import type { Metadata } from "next";
import { Suspense } from "react";

import { Audit } from "../audit/audit";
import { OperatorOnly } from "@/components/shell/operator-only";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.audit.platformTitle };

export default function PlatformAuditPage() {
  return (
    <OperatorOnly>
      <Suspense>
        <Audit scope="platform" />
      </Suspense>
    </OperatorOnly>
  );
}
