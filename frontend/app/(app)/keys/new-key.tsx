"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod/mini";

import { CheckboxGroup } from "@/components/checkbox-group";
import { SecretOnce } from "@/components/secret-once";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { createKey } from "@/lib/data/access";
import type { Scope } from "@/lib/data/scope";
import { useForm } from "@/lib/form";
import { addDays, dayStart, isoDay } from "@/lib/format";
import { type Permission, useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export default function NewKey({ scope, onClose }: { scope: Scope; onClose: () => void }) {
  const { operator, common } = useStrings();
  const words = operator.access;
  const { me } = useSession();
  const client = useQueryClient();
  const [scopes, setScopes] = useState<string[]>([]);
  const [made, setMade] = useState<{ name: string; secret: string } | null>(null);
  const form = useForm({
    schema: z.object({ name: z.string().check(z.trim(), z.minLength(1, common.required), z.maxLength(100)), until: z.string() }),
    // A key holds until the end of its last day in India.
    send: ({ name, until }, key) => createKey(scope, { name, scopes: scopes.length > 0 ? (scopes as Permission[]) : null, expires_at: until ? dayStart(addDays(until, 1)) : null }, key),
    onDone: ({ name, secret }) => {
      if (secret) setMade({ name, secret });
      else onClose();
      void client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  if (made) {
    return (
      <Dialog open onOpenChange={onClose} title={words.keyOf(made.name)}>
        <SecretOnce label={words.keySecret} secret={made.secret} />
      </Dialog>
    );
  }
  return (
    <Dialog open onOpenChange={onClose} title={words.newKey}>
      <form {...form.props} className="grid gap-4">
        <TextField label={words.keyName} name="name" autoComplete="off" error={form.errors.name} />
        <TextField label={words.keyEnds} hint={words.keyEndsHint} name="until" type="date" min={isoDay(new Date())} error={form.errors.expires_at} />
        <CheckboxGroup legend={words.keyScopes} hint={words.keyScopesHint} options={me.permissions.map((value) => ({ value, label: value }))} chosen={scopes} onChange={setScopes} />
        <ProblemNote error={form.failure} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="primary" pending={form.pending}>
            {words.newKey}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
