"use client";

import "@/lib/strings/areas/operator";

import { Cable } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";

import { isEmptyList, QueryView } from "@/components/query-view";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import { type Trunk, useTrunks } from "@/lib/data/lines";
import { formatWhen } from "@/lib/format";
import { useStrings } from "@/lib/strings";

const TrunkDialog = lazy(() => import("./trunk-dialog"));

const TONES: Record<Trunk["state"], Tone> = { registered: "success", up: "success", registering: "warning", standby: "neutral", not_started: "neutral", unregistered: "warning", failed: "danger", down: "danger" };

export function Trunks() {
  const { operator, common } = useStrings();
  const words = operator.trunks;
  const query = useTrunks();
  const [shown, setShown] = useState<string | null>(null);
  const one = query.data?.find((trunk) => trunk.name === shown);
  const columns = useMemo<Column<Trunk>[]>(
    () => [
      { id: "name", header: operator.name, cell: ({ row }) => <span className="font-medium">{row.original.name}</span> },
      { id: "state", header: operator.state, cell: ({ row }) => <Badge tone={TONES[row.original.state]}>{words.states[row.original.state]}</Badge> },
      { id: "since", header: operator.since, cell: ({ row }) => <time dateTime={row.original.since} className="whitespace-nowrap">{formatWhen(row.original.since)}</time> },
      { id: "carrier", header: words.carrier, cell: ({ row }) => row.original.profile },
      { id: "calls", header: words.calls, cell: ({ row: { original } }) => <span className="tabular-nums">{words.callsOf(original.active_calls ?? 0, original.channels === null || original.channels === undefined ? words.unlimited : String(original.channels))}</span> },
      { id: "error", header: words.lastError, cell: ({ row }) => <span className="block min-w-40 text-danger">{row.original.last_error}</span> },
      {
        id: "actions",
        header: () => <span className="sr-only">{common.actions}</span>,
        cell: ({ row }) => (
          <Button size="sm" aria-label={words.detailsOf(row.original.name)} onClick={() => setShown(row.original.name)}>
            {words.details}
          </Button>
        ),
        meta: { className: "text-right" },
      },
    ],
    [operator, words, common],
  );
  return (
    <Page title={words.title} lead={words.lead}>
      <Card className="overflow-hidden">
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={Cable} title={words.empty} description={words.emptyDetail} />}>
          {(trunks) => <DataTable columns={columns} rows={trunks} rowId={(trunk) => trunk.name} caption={words.title} />}
        </QueryView>
      </Card>
      {one ? (
        <Suspense>
          <TrunkDialog trunk={one} onClose={() => setShown(null)} />
        </Suspense>
      ) : null}
    </Page>
  );
}
