import type { Metadata } from "next";
import { Suspense } from "react";

import { Agent } from "./agent";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.agent.title };

export default function AgentPage() {
  return (
    <NeedsTenant>
      <Suspense>
        <Agent />
      </Suspense>
    </NeedsTenant>
  );
}
