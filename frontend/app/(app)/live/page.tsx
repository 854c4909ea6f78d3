import type { Metadata } from "next";

import { LiveCalls } from "./live-calls";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.live.title };

export default function LivePage() {
  return <LiveCalls />;
}
