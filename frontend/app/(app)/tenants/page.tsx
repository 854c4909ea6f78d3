import type { Metadata } from "next";
import { Suspense } from "react";

import { Tenants } from "./tenants";
import { OperatorOnly } from "@/components/shell/operator-only";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.tenants.title };

export default function TenantsPage() {
  return (
    <OperatorOnly>
      <Suspense>
        <Tenants />
      </Suspense>
    </OperatorOnly>
  );
}
