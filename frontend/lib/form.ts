import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import type { z } from "zod/mini";

import { newKey } from "./api/client";
import { fieldErrors, problemOf } from "./api/problem";

export type FieldErrors = Record<string, string>;

/** The first complaint of each field, by its path: `email`, `hours.mon[0]`, written as the server writes it. */
export function issuesByField(issues: readonly { path: readonly PropertyKey[]; message: string }[]): FieldErrors {
  const errors: FieldErrors = {};
  for (const { path, message } of issues) {
    const field = path.map((part, index) => (typeof part === "number" ? `[${part}]` : `${index ? "." : ""}${String(part)}`)).join("");
    errors[field] ??= message;
  }
  return errors;
}

interface FormOptions<Schema extends z.ZodMiniType, Result> {
  schema: Schema;
  /** Carries it out. `key` stays the same until it has succeeded, so that a second press is not a second order. */
  send: (value: z.output<Schema>, key: string) => Promise<Result>;
  onDone: (result: Result) => void;
}

/** A form whose fields are checked here and on the server, with both kinds of complaint on the fields. */
export function useForm<Schema extends z.ZodMiniType, Result>({ schema, send, onDone }: FormOptions<Schema, Result>) {
  const [local, setLocal] = useState<FieldErrors>({});
  const key = useRef<string>(null);
  const form = useRef<HTMLFormElement>(null);

  const mutation = useMutation({
    mutationFn: (value: z.output<Schema>) => send(value, (key.current ??= newKey())),
    onSuccess: (result) => {
      key.current = null;
      onDone(result);
    },
    onError: (error) => {
      // What was refused is not the same order when it is corrected.
      if (problemOf(error).status !== 0) key.current = null;
      focusFirstError(form.current);
    },
  });

  function submit(values: unknown): void {
    const parsed = schema.safeParse(values);
    if (!parsed.success) {
      setLocal(issuesByField(parsed.error.issues));
      focusFirstError(form.current);
      return;
    }
    setLocal({});
    mutation.mutate(parsed.data);
  }

  const errors = Object.keys(local).length > 0 ? local : fieldErrors(mutation.error);
  return {
    errors,
    /** A failure that no field is to blame for. */
    failure: Object.keys(errors).length === 0 ? mutation.error : null,
    pending: mutation.isPending,
    submit,
    /** For forms whose inputs have names: reads them when the form is sent. */
    props: {
      ref: form,
      noValidate: true,
      onSubmit: (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        submit(Object.fromEntries(new FormData(event.currentTarget)));
      },
    },
  };
}

/** After React has marked the fields. */
function focusFirstError(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => requestAnimationFrame(() => form?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus()));
}
