import type { Metadata } from "next";
import { Suspense } from "react";

import { SetUp } from "./set-up";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.session.setUp };

export default function SetUpPage() {
  return (
    <Suspense>
      <SetUp />
    </Suspense>
  );
}
