"use client";

import "@/lib/strings/areas/operator";

import { History } from "lucide-react";
import { useMemo, useState } from "react";

import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Dialog } from "@/components/ui/dialog";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import type { Schemas } from "@/lib/api/client";
import { useAudit, useUsers } from "@/lib/data/access";
import type { Scope } from "@/lib/data/scope";
import { formatDateTime } from "@/lib/format";
import { useStrings } from "@/lib/strings";

type Entry = Schemas["AuditEntry"];

export function Audit({ scope }: { scope: Scope }) {
  const { operator, common } = useStrings();
  const words = operator.audit;
  const query = useAudit(scope);
  const users = useUsers(scope);
  const [shown, setShown] = useState<Entry | null>(null);
  const names = useMemo(() => new Map((users.data ?? []).map((user) => [user.id, user.name])), [users.data]);
  const columns = useMemo<Column<Entry>[]>(
    () => [
      { id: "when", header: words.when, cell: ({ row }) => <time dateTime={row.original.at} className="whitespace-nowrap">{formatDateTime(row.original.at)}</time> },
      { id: "who", header: words.who, cell: ({ row: { original } }) => <Who actor={original.actor} names={names} /> },
      { id: "what", header: words.what, cell: ({ row }) => <span className="font-mono text-xs whitespace-nowrap">{row.original.action}</span> },
      { id: "object", header: words.object, cell: ({ row }) => <span className="block max-w-56 truncate font-mono text-xs text-ink-muted">{row.original.object}</span> },
      {
        id: "actions",
        header: () => <span className="sr-only">{common.actions}</span>,
        cell: ({ row: { original } }) => (
          <Button size="sm" aria-label={words.detailsOf(original.action, formatDateTime(original.at))} onClick={() => setShown(original)}>
            {words.details}
          </Button>
        ),
        meta: { className: "text-right" },
      },
    ],
    [words, names, common],
  );
  return (
    <Page title={scope === "platform" ? words.platformTitle : words.title} lead={words.lead}>
      <Card className="overflow-hidden">
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={History} title={words.empty} />}>
          {(entries) => <DataTable columns={columns} rows={entries} rowId={(entry) => entry.id} caption={words.title} />}
        </QueryView>
      </Card>
      <MoreButton query={query} />
      {shown ? (
        <Dialog open onOpenChange={() => setShown(null)} title={shown.action} description={formatDateTime(shown.at)} className="max-w-2xl">
          <div className="grid gap-3 text-sm">
            <p className="font-mono break-all">{shown.object}</p>
            <Json title={words.before} value={shown.before} />
            <Json title={words.after} value={shown.after} />
            {shown.request_id ? <p className="font-mono text-xs break-all text-ink-muted">{words.request(shown.request_id)}</p> : null}
          </div>
        </Dialog>
      ) : null}
    </Page>
  );
}

function Who({ actor, names }: { actor: Schemas["Actor"]; names: ReadonlyMap<string, string> }) {
  const { operator } = useStrings();
  const words = operator.audit;
  if (actor.kind === "system") return words.system;
  const label = actor.kind === "user" ? words.user : words.apiKey;
  return <span className="whitespace-nowrap">{names.get(actor.id) ?? `${label} …${actor.id.slice(-6)}`}</span>;
}

/** What something was, as the API has it. */
function Json({ title, value }: { title: string; value: unknown }) {
  const { operator } = useStrings();
  return (
    <section aria-label={title}>
      <h3 className="mb-1 font-medium">{title}</h3>
      {value === null || value === undefined ? (
        <p className="text-ink-muted">{operator.audit.nothing}</p>
      ) : (
        <pre tabIndex={0} className="max-h-60 overflow-auto rounded-lg bg-subtle p-3 font-mono text-xs">
          {JSON.stringify(value, null, 2)}
        </pre>
      )}
    </section>
  );
}
