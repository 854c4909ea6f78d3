import type { Metadata } from "next";

import { Notifications } from "./notifications";
import { NeedsTenant } from "@/components/shell/needs-tenant";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.usage.notices.title };

export default function NotificationsPage() {
  return (
    <NeedsTenant>
      <Notifications />
    </NeedsTenant>
  );
}
