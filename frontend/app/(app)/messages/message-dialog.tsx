"use client";

import Link from "next/link";

import { useComplain } from "@/components/complain";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { useMessage, useResendMessage } from "@/lib/data/messages";
import { formatDateTime, formatMs, formatPhone } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** One message, what it said, and what became of each try. */
export default function MessageDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const { operator, calls, common } = useStrings();
  const words = operator.messages;
  const { can } = useSession();
  const complain = useComplain();
  const query = useMessage(id);
  const resend = useResendMessage();
  const message = query.data;
  return (
    <Dialog open onOpenChange={onClose} title={message ? (words.topics[message.topic] ?? message.topic) : words.title} description={message ? formatDateTime(message.created_at) : undefined}>
      {query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : !message ? (
        <div aria-busy>
          <span className="sr-only">{common.loading}</span>
          <Skeleton className="h-32" />
        </div>
      ) : (
        <div className="grid gap-4">
          <p className="flex flex-wrap items-center gap-2">
            <Badge>{calls.messageStates[message.state] ?? message.state}</Badge>
            {message.to ? <span className="tabular-nums">{formatPhone(message.to)}</span> : null}
            {message.segments ? <span className="text-sm text-ink-muted">{words.segments(message.segments)}</span> : null}
          </p>
          {message.text ? <blockquote className="rounded-lg bg-subtle p-3 text-sm whitespace-pre-line">{message.text}</blockquote> : null}
          <section aria-labelledby="tries">
            <h3 id="tries" className="mb-1.5 text-sm font-medium">
              {words.tries}
            </h3>
            {message.tries.length === 0 ? <p className="text-sm text-ink-muted">{words.noTries}</p> : null}
            <ol className="grid gap-2 text-sm">
              {message.tries.map((one) => (
                <li key={`${one.number} ${one.at}`}>
                  <p>
                    {words.tryLine(one.number, formatDateTime(one.at), formatMs(one.took_ms))}
                    {one.status ? <span className="text-ink-muted"> · {words.status(one.status)}</span> : null}
                  </p>
                  <p className={one.error ? "break-words text-danger" : "text-success"}>{one.error ?? words.ok}</p>
                </li>
              ))}
            </ol>
          </section>
          <div className="flex flex-wrap justify-end gap-2">
            {message.call ? (
              <Button asChild>
                <Link href={`/calls/view/?id=${message.call}`}>{words.call}</Link>
              </Button>
            ) : null}
            {can("messages:write") ? (
              <Button variant="primary" pending={resend.isPending} onClick={() => resend.mutate(message.id, { onError: complain, onSuccess: () => toast({ title: words.resent }) })}>
                {words.resend}
              </Button>
            ) : null}
          </div>
        </div>
      )}
    </Dialog>
  );
}
