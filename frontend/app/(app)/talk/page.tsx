import type { Metadata } from "next";
import { Suspense } from "react";

import { Talk } from "./talk";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.talk.title };

export default function TalkPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Talk />
      </Suspense>
    </NeedsTenant>
  );
}
