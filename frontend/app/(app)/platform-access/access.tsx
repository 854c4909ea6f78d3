"use client";

import "@/lib/strings/areas/operator";

import { useState } from "react";

import { Keys } from "../keys/keys";
import { Invitations } from "./invitations";
import { Users } from "./users";
import { Page } from "@/components/ui/page";
import { Tab, TabList, TabPanel, Tabs } from "@/components/ui/tabs";
import { useStrings } from "@/lib/strings";

const TABS = ["users", "invitations", "keys"] as const;
const PANELS = { users: Users, invitations: Invitations, keys: Keys };

/** Who runs the platform, and what may ask in its name, whichever business is at hand. */
export function Access() {
  const { operator } = useStrings();
  const words = operator.access;
  const [tab, setTab] = useState<string>("users");
  return (
    <Page title={words.platformTitle} lead={words.platformLead}>
      <Tabs value={tab} onValueChange={setTab}>
        <TabList aria-label={words.platformTitle}>
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
              <Panel scope="platform" />
            </TabPanel>
          );
        })}
      </Tabs>
    </Page>
  );
}
