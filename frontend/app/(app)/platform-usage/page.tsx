import type { Metadata } from "next";

import { PlatformUsage } from "./platform-usage";
import { OperatorOnly } from "@/components/shell/operator-only";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.usage.platformTitle };

export default function PlatformUsagePage() {
  return (
    <OperatorOnly>
      <PlatformUsage />
    </OperatorOnly>
  );
}
