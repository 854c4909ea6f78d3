"use client";

import "@/lib/strings/areas/operator";

import { SearchX, Send } from "lucide-react";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { lazy, Suspense, useMemo, useState } from "react";

import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { type Column, DataTable } from "@/components/ui/data-table";
import { SelectField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import { type Message, useMessages } from "@/lib/data/messages";
import { formatDateTime, formatPhone, formatWhen } from "@/lib/format";
import { useStrings } from "@/lib/strings";

const MessageDialog = lazy(() => import("./message-dialog"));

export const MESSAGE_TONES: Record<string, Tone> = { pending: "neutral", sent: "success", delivered: "success", undelivered: "danger", dead: "danger" };

export function Messages() {
  const { operator, calls, common } = useStrings();
  const words = operator.messages;
  const router = useRouter();
  const path = usePathname();
  const params = useSearchParams();
  const filter = { channel: params.get("channel") ?? undefined, state: params.get("state") ?? undefined, webhook: params.get("webhook") ?? undefined };
  const query = useMessages(filter);
  const [shown, setShown] = useState<string | null>(null);
  const narrowed = Object.values(filter).some(Boolean);
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(params);
    if (value) next.set(name, value);
    else next.delete(name);
    router.push(next.size > 0 ? `${path}?${next}` : path, { scroll: false });
  };
  const columns = useMemo<Column<Message>[]>(
    () => [
      { id: "when", header: operator.created, cell: ({ row }) => <time dateTime={row.original.created_at} className="whitespace-nowrap">{formatWhen(row.original.created_at)}</time> },
      { id: "topic", header: words.topic, cell: ({ row }) => <span className="font-medium">{words.topics[row.original.topic] ?? row.original.topic}</span> },
      { id: "to", header: words.to, cell: ({ row: { original } }) => <span className="whitespace-nowrap">{original.to ? formatPhone(original.to) : (calls.channels[original.channel] ?? original.channel)}</span> },
      {
        id: "state",
        header: operator.state,
        cell: ({ row: { original } }) => (
          <span className="grid justify-items-start gap-0.5">
            <Badge tone={MESSAGE_TONES[original.state]}>{calls.messageStates[original.state] ?? original.state}</Badge>
            {original.state === "pending" && original.attempts > 0 ? <span className="text-xs text-ink-muted">{words.due(formatWhen(original.due_at))}</span> : null}
          </span>
        ),
      },
      { id: "attempts", header: words.attempts, cell: ({ row }) => <span className="tabular-nums">{row.original.attempts}</span> },
      {
        id: "actions",
        header: () => <span className="sr-only">{common.actions}</span>,
        cell: ({ row: { original } }) => (
          <Button size="sm" aria-label={words.viewOf(words.topics[original.topic] ?? original.topic, formatDateTime(original.created_at))} onClick={() => setShown(original.id)}>
            {words.view}
          </Button>
        ),
        meta: { className: "text-right" },
      },
    ],
    [operator, words, calls, common],
  );
  return (
    <Page title={words.title} lead={words.lead}>
      <div className="mb-4 flex flex-wrap gap-2">
        <SelectField label={words.channel} hideLabel value={filter.channel ?? ""} onChange={(event) => set("channel", event.target.value)}>
          <option value="">{words.anyChannel}</option>
          {Object.entries(calls.channels).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
        <SelectField label={operator.state} hideLabel value={filter.state ?? ""} onChange={(event) => set("state", event.target.value)}>
          <option value="">{words.anyState}</option>
          {Object.entries(calls.messageStates).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
        {narrowed ? (
          <Button variant="ghost" className="h-11" onClick={() => router.push(path)}>
            {calls.clear}
          </Button>
        ) : null}
      </div>
      <Card className="overflow-hidden">
        <QueryView query={query} isEmpty={isEmptyList} empty={narrowed ? <EmptyState icon={SearchX} title={words.noMatch} /> : <EmptyState icon={Send} title={words.empty} description={words.emptyDetail} />}>
          {(messages) => <DataTable columns={columns} rows={messages} rowId={(message) => message.id} caption={words.title} />}
        </QueryView>
      </Card>
      <MoreButton query={query} />
      {shown ? (
        <Suspense fallback={<span className="sr-only">{common.loading}</span>}>
          <MessageDialog id={shown} onClose={() => setShown(null)} />
        </Suspense>
      ) : null}
    </Page>
  );
}
