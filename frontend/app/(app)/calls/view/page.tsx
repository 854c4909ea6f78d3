import type { Metadata } from "next";
import { Suspense } from "react";

import { CallView } from "./call-view";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.calls.one };

export default function CallPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <CallView />
      </Suspense>
    </NeedsTenant>
  );
}
