import type { Metadata } from "next";
import { Suspense } from "react";

import { Access } from "./access";
import { OperatorOnly } from "@/components/shell/operator-only";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.access.platformTitle };

export default function PlatformAccessPage() {
  return (
    <OperatorOnly>
      <Suspense>
        <Access />
      </Suspense>
    </OperatorOnly>
  );
}
