"use client";

import "@/lib/strings/areas/operator";

import { Keys } from "./keys";
import { Page } from "@/components/ui/page";
import { useStrings } from "@/lib/strings";

/** The keys with which a business's own software asks. */
export function OwnKeys() {
  const { operator } = useStrings();
  return (
    <Page title={operator.access.tabs.keys} lead={operator.access.keysLead} width="narrow">
      <Keys scope="tenant" />
    </Page>
  );
}
