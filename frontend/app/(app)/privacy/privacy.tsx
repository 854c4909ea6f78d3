"use client";

import "@/lib/strings/areas/usage";

import { ShieldCheck } from "lucide-react";

import { CallerData } from "./caller-data";
import { Retention } from "./retention";
import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Section } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import { useErasures, useRetention } from "@/lib/data/privacy";
import { formatDateTime } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Privacy() {
  const { usage } = useStrings();
  const words = usage.privacy;
  const { can } = useSession();
  const retention = useRetention();
  const erasures = useErasures();
  return (
    <Page title={words.title} lead={words.lead} width="narrow">
      <div className="grid gap-4">
        <Section title={words.retention} id="retention">
          <QueryView query={retention} isEmpty={() => false} empty={null} rows={3}>
            {(view) => <Retention key={JSON.stringify(view)} view={view} writable={can("privacy:write")} />}
          </QueryView>
        </Section>
        {can("privacy:write") ? (
          <Section title={words.caller} id="caller-data">
            <CallerData />
          </Section>
        ) : null}
        <Section title={words.erasures} id="erasures">
          <QueryView query={erasures} isEmpty={isEmptyList} empty={<EmptyState icon={ShieldCheck} title={words.noErasures} />} rows={2}>
            {(list) => (
              <ul className="divide-y divide-line">
                {list.map((one) => (
                  <li key={one.id} className="flex flex-wrap items-baseline justify-between gap-x-4 px-4 py-3">
                    <span className="font-medium tabular-nums">{one.number_masked}</span>
                    <span className="text-sm text-ink-muted">
                      {words.erasureLine(one.calls)} · <time dateTime={one.done_at}>{formatDateTime(one.done_at)}</time>
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </QueryView>
        </Section>
        <MoreButton query={erasures} />
      </div>
    </Page>
  );
}
