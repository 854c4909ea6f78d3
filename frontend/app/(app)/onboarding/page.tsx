import type { Metadata } from "next";

import { Onboarding } from "./onboarding";
import { OperatorOnly } from "@/components/shell/operator-only";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.onboarding.title };

export default function OnboardingPage() {
  return (
    <OperatorOnly>
      <Onboarding />
    </OperatorOnly>
  );
}
