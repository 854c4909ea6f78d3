"use client";

import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleDashed } from "lucide-react";
import { useRouter } from "next/navigation";
import { type ReactNode, useState } from "react";
import { z } from "zod/mini";

import { SecretOnce } from "@/components/secret-once";
import { Button } from "@/components/ui/button";
import { Card, Section } from "@/components/ui/card";
import { TextField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { ProblemNote } from "@/components/ui/states";
import { emailAddress } from "@/lib/credentials";
import { saveNotificationsOf } from "@/lib/data/notifications";
import { inviteOwner, type Onboarded } from "@/lib/data/onboarding";
import { useForm } from "@/lib/form";
import { formatNumber, formatPhone } from "@/lib/format";
import { type NoticeForm, toSettings } from "@/lib/notices/form";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** What was made, what is to be kept of it, and what comes next. */
export function Done({ onboarded, notices, onAnother }: { onboarded: Onboarded; notices: NoticeForm; onAnother: () => void }) {
  const { onboarding: words, agent } = useStrings();
  const { switchTenant } = useSession();
  const router = useRouter();
  const [link, setLink] = useState<string | null>(null);
  const { tenant, numbers, api_key: key, phrases_ready, phrases_waiting } = onboarded;
  const wanted = notices.mobiles.trim() !== "" || notices.caller;
  // A resource of its own: set once the business is there, and set again by hand where that failed.
  const sms = useQuery({
    queryKey: ["onboarding", "notices", tenant.id],
    enabled: wanted,
    retry: false,
    staleTime: Infinity,
    queryFn: () => saveNotificationsOf(tenant.id, toSettings(notices)),
  });
  const open = (path: string) => {
    switchTenant(tenant.id);
    router.push(path);
  };
  return (
    <Page title={words.made(tenant.name)} lead={numbers.length > 0 ? words.madeLead : words.madeLeadNoNumbers} width="narrow">
      <div className="grid gap-4">
        <Card className="grid gap-2.5 p-4">
          <CheckLine done>
            {words.checks.receptionist}. {agent.phrases(formatNumber(phrases_ready), phrases_waiting)}
          </CheckLine>
          <CheckLine done={numbers.length > 0}>{numbers.length > 0 ? words.checks.numbers(numbers.map(formatPhone).join(", ")) : words.checks.noNumbers}</CheckLine>
          {wanted ? <CheckLine done={sms.isSuccess}>{sms.isError ? words.checks.noSms : words.checks.sms}</CheckLine> : null}
          <CheckLine done={link !== null}>{link ? words.checks.owner : words.checks.noOwner}</CheckLine>
          <div className="mt-2 flex flex-wrap gap-2">
            <Button variant="primary" onClick={() => open(`/talk/?id=${onboarded.profile_id}`)}>
              {words.testCall}
            </Button>
            <Button onClick={() => open("/agent/")}>{words.openAgent}</Button>
            {sms.isError ? <Button onClick={() => open("/notifications/")}>{words.setSms}</Button> : null}
            {numbers.length === 0 ? <Button onClick={() => open("/numbers/")}>{words.addNumbers}</Button> : null}
          </div>
        </Card>
        <ProblemNote error={sms.error} />
        {key ? (
          <Card className="p-4">
            <SecretOnce label={words.apiKey} hint={words.apiKeyHint} secret={key} />
          </Card>
        ) : null}
        <Section title={words.inviteTitle} id="invite-owner">
          <div className="p-4">{link ? <SecretOnce label={words.invitationLink} hint={words.invitationHint} secret={link} /> : <InviteOwner tenant={tenant.id} onLink={setLink} />}</div>
        </Section>
        <div>
          <Button variant="ghost" onClick={onAnother}>
            {words.another}
          </Button>
        </div>
      </div>
    </Page>
  );
}

function CheckLine({ done, children }: { done: boolean; children: ReactNode }) {
  return (
    <p className="flex items-start gap-2.5">
      {done ? <CircleCheck aria-hidden className="mt-0.5 size-5 shrink-0 text-success" /> : <CircleDashed aria-hidden className="mt-0.5 size-5 shrink-0 text-warning" />}
      <span className="min-w-0">{children}</span>
    </p>
  );
}

function InviteOwner({ tenant, onLink }: { tenant: string; onLink: (link: string) => void }) {
  const strings = useStrings();
  const { onboarding: words } = strings;
  const form = useForm({
    schema: z.object({ email: emailAddress(strings) }),
    send: ({ email }, key) => inviteOwner(tenant, email, key),
    onDone: ({ token }) => {
      if (token) onLink(new URL(`/invitation/#${token}`, window.location.href).href);
    },
  });
  return (
    <form {...form.props} className="grid gap-3">
      <div className="flex flex-wrap items-end gap-2">
        <TextField label={words.inviteEmail} name="email" type="email" autoComplete="off" className="min-w-60 flex-1" error={form.errors.email} />
        <Button type="submit" className="h-11" pending={form.pending}>
          {words.invite}
        </Button>
      </div>
      <ProblemNote error={form.failure} />
    </form>
  );
}
