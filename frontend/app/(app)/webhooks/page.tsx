import type { Metadata } from "next";
import { Suspense } from "react";

import { Webhooks } from "./webhooks";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.webhooks.title };

export default function WebhooksPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Webhooks />
      </Suspense>
    </NeedsTenant>
  );
}
