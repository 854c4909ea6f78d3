import type { Metadata } from "next";

import { AccountSettings } from "./account-settings";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.people.account };

export default function AccountPage() {
  return <AccountSettings />;
}
