import type { Metadata } from "next";

import { SetUp } from "./set-up";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.session.setUp };

export default function SetUpPage() {
  return <SetUp />;
}
