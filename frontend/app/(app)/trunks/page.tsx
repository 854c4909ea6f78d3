import type { Metadata } from "next";
import { Suspense } from "react";

import { Trunks } from "./trunks";
import { OperatorOnly } from "@/components/shell/operator-only";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.trunks.title };

export default function TrunksPage() {
  return (
    <OperatorOnly>
      <Suspense>
        <Trunks />
      </Suspense>
    </OperatorOnly>
  );
}
