"use client";

import "@/lib/strings/areas/operator";

import { useState } from "react";

import { Invitations } from "./invitations";
import { Keys } from "./keys";
import { Users } from "./users";
import { Page } from "@/components/ui/page";
import { Tab, TabList, TabPanel, Tabs } from "@/components/ui/tabs";
import type { Scope } from "@/lib/data/scope";
import { useStrings } from "@/lib/strings";

const TABS = ["users", "invitations", "keys"] as const;
const PANELS = { users: Users, invitations: Invitations, keys: Keys };

/** Who may sign in and what may ask: within a business, or for the platform itself. */
export function Access({ scope }: { scope: Scope }) {
  const { operator } = useStrings();
  const words = operator.access;
  const [tab, setTab] = useState<string>("users");
  return (
    <Page title={scope === "platform" ? words.platformTitle : words.title} lead={scope === "platform" ? words.platformLead : words.lead}>
      <Tabs value={tab} onValueChange={setTab}>
        <TabList aria-label={words.title}>
          {TABS.map((one) => (
            <Tab key={one} value={one}>
              {words.tabs[one]}
            </Tab>
          ))}
        </TabList>
        {TABS.map((one) => {
          const Panel = PANELS[one];
          return (
            <TabPanel key={one} value={one}>
              <Panel scope={scope} />
            </TabPanel>
          );
        })}
      </Tabs>
    </Page>
  );
}
