"use client";

import { useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useSyncExternalStore } from "react";
import { z } from "zod/mini";

import { PasswordField } from "@/components/password-field";
import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { platform, unwrap } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import { useForm } from "@/lib/form";
import { nextPage } from "@/lib/next-page";
import { useStrings } from "@/lib/strings";

const never = () => () => {};

/**
 * The address's query, once the page is alive. Not `useSearchParams`, for which an exported page is empty until then: the
 * form is to be there with the first byte.
 */
function useQueryString(): string {
  return useSyncExternalStore(never, () => window.location.search, () => "");
}

export function SignIn() {
  const { session, common } = useStrings();
  const router = useRouter();
  const client = useQueryClient();
  const params = new URLSearchParams(useQueryString());
  const form = useForm({
    schema: z.object({
      email: z.string().check(z.trim(), z.minLength(1, common.required)),
      password: z.string().check(z.minLength(1, common.required)),
    }),
    send: (body) => unwrap(platform.POST("/v1/session", { body })),
    onDone: () => {
      client.clear();
      router.replace(nextPage(params.get("next")));
    },
  });
  const wrong = problemOf(form.failure).status === 401;
  const note = params.has("made") ? session.made : params.has("ended") && params.has("next") ? session.ended : null;

  return (
    <>
      <h1 className="text-3xl font-semibold tracking-tight">{session.signIn}</h1>
      <p className="mt-1.5 mb-7 text-ink-muted">{session.signInLead}</p>
      {note ? (
        <p role="status" className="mb-5 rounded-lg bg-accent-soft px-3.5 py-3 text-accent">
          {note}
        </p>
      ) : null}
      <form {...form.props} className="grid gap-5">
        {wrong ? (
          <p role="alert" className="rounded-lg bg-danger-soft px-3.5 py-3 text-danger">
            {session.wrong}
          </p>
        ) : (
          <ProblemNote error={form.failure} />
        )}
        <TextField label={session.email} name="email" type="email" autoComplete="username" autoCapitalize="none" spellCheck={false} error={form.errors.email} />
        <PasswordField label={session.password} name="password" autoComplete="current-password" error={form.errors.password} />
        <Button type="submit" variant="primary" size="lg" pending={form.pending}>
          {session.signIn}
        </Button>
      </form>
      <p className="mt-8 text-sm text-ink-muted">
        {session.firstTime}{" "}
        <Link href="/set-up/" className="text-accent underline underline-offset-4">
          {session.setUpLink}
        </Link>
      </p>
    </>
  );
}
