"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState, useSyncExternalStore } from "react";
import { z } from "zod/mini";

import { PasswordField } from "@/components/password-field";
import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { platform, unwrap } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import { newPassword, personName } from "@/lib/credentials";
import { useForm } from "@/lib/form";
import { useStrings } from "@/lib/strings";

/** The token stands behind `#`, so that it is in no server's log and in no `Referer`. */
const fromAddress = () => window.location.hash.slice(1);
const never = () => () => {};

export function Invitation() {
  const strings = useStrings();
  const { session, common } = strings;
  const router = useRouter();
  const linked = useSyncExternalStore(never, fromAddress, () => "");
  const [typed, setTyped] = useState<string | null>(null);
  const form = useForm({
    schema: z.object({
      token: z.string().check(z.trim(), z.minLength(1, common.required)),
      name: personName(strings),
      password: newPassword(strings),
    }),
    send: async (body) => {
      const user = await unwrap(platform.POST("/v1/invitations/accept", { body }));
      return unwrap(platform.POST("/v1/session", { body: { email: user.email, password: body.password } }));
    },
    onDone: () => router.replace("/"),
  });
  const refused = [401, 403, 404].includes(problemOf(form.failure).status);

  return (
    <>
      <h1 className="text-3xl font-semibold tracking-tight">{session.invitation}</h1>
      <p className="mt-1.5 mb-7 text-ink-muted">{session.invitationLead}</p>
      <form {...form.props} className="grid gap-5">
        {refused && form.failure ? (
          <p role="alert" className="rounded-lg bg-danger-soft px-3.5 py-3 text-danger">
            {session.invitationRefused}
          </p>
        ) : (
          <ProblemNote error={form.failure} />
        )}
        <TextField
          label={session.invitationToken}
          hint={session.invitationTokenHint}
          name="token"
          autoComplete="off"
          spellCheck={false}
          value={typed ?? linked}
          onChange={(event) => setTyped(event.target.value)}
          error={form.errors.token}
        />
        <TextField label={session.name} name="name" autoComplete="name" error={form.errors.name} />
        <PasswordField label={session.password} hint={session.passwordHint} name="password" autoComplete="new-password" error={form.errors.password} />
        <Button type="submit" variant="primary" size="lg" pending={form.pending}>
          {session.invitationDone}
        </Button>
      </form>
      <p className="mt-8 text-sm text-ink-muted">
        {session.haveAccount}{" "}
        <Link href="/sign-in/" className="text-accent underline underline-offset-4">
          {session.signIn}
        </Link>
      </p>
    </>
  );
}
