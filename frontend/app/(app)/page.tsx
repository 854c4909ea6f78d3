import type { Metadata } from "next";

import { Today } from "./today";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.today.title };

export default function TodayPage() {
  return (
    <NeedsTenant>
      <Today />
    </NeedsTenant>
  );
}
