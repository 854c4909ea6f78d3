import type { Metadata } from "next";

import { Invitation } from "./invitation";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.session.invitation };

export default function InvitationPage() {
  return <Invitation />;
}
