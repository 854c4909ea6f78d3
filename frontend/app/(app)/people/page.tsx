import type { Metadata } from "next";

import { People } from "./people";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.people.title };

export default function PeoplePage() {
  return <People />;
}
