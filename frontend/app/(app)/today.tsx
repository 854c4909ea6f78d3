"use client";

import { Page } from "@/components/ui/page";
import { useStrings } from "@/lib/strings";

export function Today() {
  const { today } = useStrings();
  return (
    <Page title={today.title} width="narrow">
      {null}
    </Page>
  );
}
