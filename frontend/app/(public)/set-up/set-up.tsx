"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { z } from "zod/mini";

import { PasswordField } from "@/components/password-field";
import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { platform, unwrap } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import { emailAddress, newPassword, personName } from "@/lib/credentials";
import { useForm } from "@/lib/form";
import { useStrings } from "@/lib/strings";

/** The first user of all. The account is used at once: nobody types a new password twice on purpose. */
export function SetUp() {
  const strings = useStrings();
  const { session, common } = strings;
  const router = useRouter();
  const form = useForm({
    schema: z.object({
      token: z.string().check(z.trim(), z.minLength(1, common.required)),
      name: personName(strings),
      email: emailAddress(strings),
      password: newPassword(strings),
    }),
    send: async (body) => {
      await unwrap(platform.POST("/v1/setup", { body }));
      return unwrap(platform.POST("/v1/session", { body: { email: body.email, password: body.password } }));
    },
    onDone: () => router.replace("/"),
  });
  const refused = problemOf(form.failure).status === 403;

  return (
    <>
      <h1 className="text-3xl font-semibold tracking-tight">{session.setUp}</h1>
      <p className="mt-1.5 mb-7 text-ink-muted">{session.setUpLead}</p>
      <form {...form.props} className="grid gap-5">
        {refused ? (
          <p role="alert" className="rounded-lg bg-danger-soft px-3.5 py-3 text-danger">
            {session.setUpRefused}
          </p>
        ) : (
          <ProblemNote error={form.failure} />
        )}
        <TextField label={session.setUpToken} hint={session.setUpTokenHint} name="token" autoComplete="off" spellCheck={false} error={form.errors.token} />
        <TextField label={session.name} name="name" autoComplete="name" error={form.errors.name} />
        <TextField label={session.email} name="email" type="email" autoComplete="username" autoCapitalize="none" spellCheck={false} error={form.errors.email} />
        <PasswordField label={session.password} hint={session.passwordHint} name="password" autoComplete="new-password" error={form.errors.password} />
        <Button type="submit" variant="primary" size="lg" pending={form.pending}>
          {session.setUpDone}
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
