import type { Metadata } from "next";
import { Suspense } from "react";

import { Calls } from "./calls";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.calls.title };

export default function CallsPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Calls />
      </Suspense>
    </NeedsTenant>
  );
}
