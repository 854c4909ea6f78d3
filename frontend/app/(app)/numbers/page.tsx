import type { Metadata } from "next";
import { Suspense } from "react";

import { Numbers } from "./numbers";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.numbers.title };

export default function NumbersPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Numbers />
      </Suspense>
    </NeedsTenant>
  );
}
