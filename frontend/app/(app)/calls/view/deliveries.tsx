"use client";

import { RotateCw } from "lucide-react";

import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { describeProblem, ErrorState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { problemOf } from "@/lib/api/problem";
import { type Message, useMessagesOfCall, useResendMessage } from "@/lib/data/messages";
import { formatPhone, formatTime } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const TONES: Record<string, Tone> = { pending: "warning", sent: "neutral", delivered: "success", undelivered: "danger", dead: "danger" };

/** What left by SMS and webhook about the call. */
export function Deliveries({ call }: { call: string }) {
  const { calls: words } = useStrings();
  const { can } = useSession();
  const query = useMessagesOfCall(call);
  if (!can("messages:read")) return null;
  return (
    <Section title={words.deliveries} id="deliveries">
      {query.isPending ? (
        <div aria-busy className="p-4">
          <Skeleton className="h-10" />
        </div>
      ) : query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} className="py-6" />
      ) : query.data.length === 0 ? (
        <p className="p-4 text-sm text-ink-muted">{words.noDeliveries}</p>
      ) : (
        <ul className="divide-y divide-line">
          {query.data.map((message) => (
            <Delivery key={message.id} message={message} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function Delivery({ message }: { message: Message }) {
  const { calls: words, common } = useStrings();
  const { can } = useSession();
  const resend = useResendMessage();
  const again = () =>
    resend.mutate(message.id, {
      onSuccess: () => toast({ title: words.resent }),
      onError: (error) => {
        const { title, detail } = describeProblem(problemOf(error), common);
        toast({ title, description: detail, tone: "danger" });
      },
    });
  const failed = message.state === "dead" || message.state === "undelivered";
  return (
    <li className="grid gap-1.5 px-4 py-3 text-sm">
      <div className="flex items-center justify-between gap-2">
        <span className="font-medium">
          {words.channels[message.channel] ?? message.channel} <span className="font-normal text-ink-muted">{message.to ? formatPhone(message.to) : message.topic}</span>
        </span>
        <Badge tone={TONES[message.state] ?? "neutral"}>{words.messageStates[message.state] ?? message.state}</Badge>
      </div>
      {message.text ? <p className="break-words text-ink-muted">{message.text}</p> : null}
      {message.last_error && message.state !== "sent" && message.state !== "delivered" ? <p className="break-words text-danger">{message.last_error}</p> : null}
      <div className="flex items-center justify-between gap-2 text-ink-muted">
        <span className="tabular-nums">
          {formatTime(message.finished_at ?? message.created_at)} · {words.attempts(message.attempts)}
        </span>
        {failed && can("messages:write") ? (
          <Button size="sm" pending={resend.isPending} onClick={again}>
            <RotateCw aria-hidden />
            {words.resend}
          </Button>
        ) : null}
      </div>
    </li>
  );
}
