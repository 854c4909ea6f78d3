"use client";

import "@/lib/strings/areas/people";

import { useRef } from "react";
import { z } from "zod/mini";

import { useComplain } from "@/components/complain";
import { PasswordField } from "@/components/password-field";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState, ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { newPassword } from "@/lib/credentials";
import { changePassword, useEndSession, useForgetSessions, useSessions } from "@/lib/data/people";
import { useForm } from "@/lib/form";
import { formatDateTime, formatDay } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function AccountSettings() {
  const { people: words } = useStrings();
  const { me } = useSession();
  return (
    <Page title={me.user?.name ?? words.account} lead={words.accountLead} width="narrow">
      <div className="grid gap-6">
        <PasswordSection email={me.user?.email ?? ""} />
        <Sessions />
      </div>
    </Page>
  );
}

function PasswordSection({ email }: { email: string }) {
  const strings = useStrings();
  const { people: words, common } = strings;
  const forget = useForgetSessions();
  const area = useRef<HTMLDivElement>(null);
  const form = useForm({
    schema: z.object({ current: z.string().check(z.minLength(1, common.required)), new: newPassword(strings) }),
    send: changePassword,
    onDone: () => {
      area.current?.querySelector("form")?.reset();
      forget();
      toast({ title: words.changed });
    },
  });
  return (
    <Section title={words.password} id="password">
      <div ref={area} className="p-4">
        <form {...form.props} className="grid max-w-md gap-5">
          <ProblemNote error={form.failure} />
          {/* For password managers, which keep a password with a name. */}
          <input hidden type="email" autoComplete="username" readOnly value={email} />
          <PasswordField label={words.current} name="current" autoComplete="current-password" error={form.errors.current} />
          <PasswordField label={words.next} hint={words.nextHint} name="new" autoComplete="new-password" error={form.errors.new} />
          <Button type="submit" variant="primary" pending={form.pending} className="justify-self-start">
            {words.change}
          </Button>
        </form>
      </div>
    </Section>
  );
}

function Sessions() {
  const { people: words } = useStrings();
  const complain = useComplain();
  const query = useSessions();
  const end = useEndSession();
  return (
    <Section title={words.devices} id="devices">
      {query.isPending ? (
        <div aria-busy className="p-4">
          <Skeleton className="h-10" />
        </div>
      ) : query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} className="py-6" />
      ) : (
        <ul className="divide-y divide-line">
          {query.data.map((session) => (
            <li key={session.id} className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1 px-4 py-3">
              <div>
                <p>{words.signedInAt(formatDateTime(session.created_at))}</p>
                <p className="text-sm text-ink-muted">
                  {words.usedAt(formatDateTime(session.last_used_at))}, {words.expiresAt(formatDay(session.expires_at))}
                </p>
              </div>
              <Button size="sm" variant="danger-ghost" pending={end.isPending && end.variables === session.id} onClick={() => end.mutate(session.id, { onSuccess: () => toast({ title: words.ended }), onError: complain })}>
                {words.end}
                <span className="sr-only">{words.signedInAt(formatDateTime(session.created_at))}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
