import type { Metadata } from "next";
import { Suspense } from "react";

import { Access } from "./access";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.access.title };

export default function AccessPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Access scope="tenant" />
      </Suspense>
    </NeedsTenant>
  );
}
