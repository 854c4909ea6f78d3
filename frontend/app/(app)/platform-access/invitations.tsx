"use client";

import { useQueryClient } from "@tanstack/react-query";
import { MailOpen } from "lucide-react";
import { useState } from "react";
import { z } from "zod/mini";

import { useComplain } from "@/components/complain";
import { isEmptyList, QueryView } from "@/components/query-view";
import { SecretOnce } from "@/components/secret-once";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, Section } from "@/components/ui/card";
import { SelectField, TextField } from "@/components/ui/field";
import { EmptyState, ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import type { Schemas } from "@/lib/api/client";
import { emailAddress } from "@/lib/credentials";
import { invite, useInvitations, useTakeBackInvitation } from "@/lib/data/access";
import type { Scope } from "@/lib/data/scope";
import { useForm } from "@/lib/form";
import { formatDateTime } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Invitations({ scope }: { scope: Scope }) {
  const { operator, shell } = useStrings();
  const words = operator.access;
  const { can } = useSession();
  const query = useInvitations(scope);
  const complain = useComplain();
  const takeBack = useTakeBackInvitation(scope);
  return (
    <div className="grid gap-4">
      {can("users:write") ? <Invite scope={scope} /> : null}
      <Card>
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={MailOpen} title={words.noInvitations} />} rows={2}>
          {(invitations) => (
            <ul className="divide-y divide-line">
              {invitations.map((one) => (
                <li key={one.id} className="flex items-center gap-3 px-4 py-3">
                  <div className="min-w-0 flex-1">
                    <p className="flex flex-wrap items-center gap-2 font-medium break-all">
                      {one.email}
                      <Badge>{shell.roles[one.role]}</Badge>
                    </p>
                    <p className="text-sm text-ink-muted">{words.expires(formatDateTime(one.expires_at))}</p>
                  </div>
                  {can("users:write") ? (
                    <Button aria-label={words.takeBackOf(one.email)} onClick={() => takeBack.mutate(one.id, { onError: complain, onSuccess: () => toast({ title: words.takenBack(one.email) }) })}>
                      {words.takeBack}
                    </Button>
                  ) : null}
                </li>
              ))}
            </ul>
          )}
        </QueryView>
      </Card>
    </div>
  );
}

function Invite({ scope }: { scope: Scope }) {
  const strings = useStrings();
  const { operator, shell } = strings;
  const words = operator.access;
  const client = useQueryClient();
  const [link, setLink] = useState<string | null>(null);
  const roles: readonly Schemas["Role"][] = scope === "platform" ? ["platform_admin"] : ["tenant_admin", "viewer"];
  const form = useForm({
    schema: z.object({ email: emailAddress(strings), role: z.enum(["platform_admin", "tenant_admin", "viewer"]) }),
    send: (invitation, key) => invite(scope, invitation, key),
    onDone: ({ token }) => {
      if (token) setLink(new URL(`/invitation/#${token}`, window.location.href).href);
      void client.invalidateQueries({ queryKey: ["invitations"] });
    },
  });
  return (
    <Section title={words.invite} id="invite">
      <form {...form.props} className="grid gap-4 p-4 sm:grid-cols-[minmax(0,1fr)_12rem_auto] sm:items-start">
        <TextField label={words.email} name="email" type="email" autoComplete="off" error={form.errors.email} />
        <SelectField label={words.role} name="role" error={form.errors.role}>
          {roles.map((role) => (
            <option key={role} value={role}>
              {shell.roles[role]}
            </option>
          ))}
        </SelectField>
        <Button type="submit" variant="primary" className="h-11 self-end" pending={form.pending}>
          {words.inviteDo}
        </Button>
        <ProblemNote error={form.failure} className="sm:col-span-3" />
      </form>
      {link ? (
        <div className="border-t border-line p-4">
          <SecretOnce key={link} label={words.link} hint={words.linkHint} secret={link} />
        </div>
      ) : null}
    </Section>
  );
}
