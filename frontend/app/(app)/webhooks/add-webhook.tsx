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
import { addWebhook } from "@/lib/data/webhooks";
import { useForm } from "@/lib/form";
import { useStrings } from "@/lib/strings";

const EVENTS = ["call.started", "call.ended", "call.summary", "message.delivered", "trunk.state"] as const;

export default function AddWebhook({ onClose }: { onClose: () => void }) {
  const { operator, common } = useStrings();
  const words = operator.webhooks;
  const client = useQueryClient();
  const [events, setEvents] = useState<string[]>([]);
  const [secret, setSecret] = useState<string | null>(null);
  const form = useForm({
    schema: z.object({ url: z.string().check(z.trim(), z.url({ protocol: /^https$/, error: words.urlWrong })) }),
    send: ({ url }, key) => addWebhook({ url, events }, key),
    onDone: (made) => {
      setSecret(made.secret ?? null);
      void client.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  if (secret) {
    return (
      <Dialog open onOpenChange={onClose} title={words.added}>
        <SecretOnce label={words.secret} secret={secret} />
      </Dialog>
    );
  }
  return (
    <Dialog open onOpenChange={onClose} title={words.add}>
      <form {...form.props} className="grid gap-4">
        <TextField label={words.url} hint={words.urlHint} name="url" type="url" autoComplete="off" error={form.errors.url} />
        <CheckboxGroup legend={words.events} hint={words.eventsHint} options={EVENTS.map((value) => ({ value, label: operator.messages.topics[value] ?? value }))} chosen={events} onChange={setEvents} />
        <ProblemNote error={form.failure} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="primary" pending={form.pending}>
            {words.add}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
