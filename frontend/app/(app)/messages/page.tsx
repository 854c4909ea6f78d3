import type { Metadata } from "next";
import { Suspense } from "react";

import { Messages } from "./messages";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.operator.messages.title };

export default function MessagesPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Messages />
      </Suspense>
    </NeedsTenant>
  );
}
