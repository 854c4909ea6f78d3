"use client";

import "@/lib/strings/areas/operator";

import { useQueryClient } from "@tanstack/react-query";
import { Hash, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { z } from "zod/mini";

import { useComplain } from "@/components/complain";
import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Button } from "@/components/ui/button";
import { Card, Section } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { SelectField, TextField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { EmptyState, ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import type { ProfileDraft } from "@/lib/agent/draft";
import { addDid, type Did, useDidAction, useDids } from "@/lib/data/lines";
import { useProfiles } from "@/lib/data/profiles";
import { useForm } from "@/lib/form";
import { formatPhone } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Numbers() {
  const { operator } = useStrings();
  const words = operator.numbers;
  const { can } = useSession();
  const query = useDids();
  const profiles = useProfiles();
  const writable = can("numbers:write");
  const [removed, setRemoved] = useState<Did | null>(null);
  return (
    <Page title={words.title} lead={words.lead} width="narrow">
      <div className="grid gap-4">
        <Card>
          <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={Hash} title={words.empty} description={words.emptyDetail} />} rows={2}>
            {(dids) => (
              <ul className="divide-y divide-line">
                {dids.map((did) => (
                  <NumberLine key={did.number} did={did} profiles={profiles.data ?? []} writable={writable} onRemove={setRemoved} />
                ))}
              </ul>
            )}
          </QueryView>
        </Card>
        <MoreButton query={query} />
        {writable && profiles.data ? <AddNumber profiles={profiles.data} /> : null}
      </div>
      {removed ? <RemoveNumber did={removed} onClose={() => setRemoved(null)} /> : null}
    </Page>
  );
}

function NumberLine({ did, profiles, writable, onRemove }: { did: Did; profiles: readonly ProfileDraft[]; writable: boolean; onRemove: (did: Did) => void }) {
  const { operator, common } = useStrings();
  const words = operator.numbers;
  const complain = useComplain();
  const action = useDidAction();
  const number = formatPhone(did.number);
  const attach = (profile_id: string, undo: boolean) =>
    action.mutate(
      { number: did.number, action: { profile_id } },
      { onError: complain, onSuccess: () => toast({ title: words.changed, action: undo ? { label: common.undo, run: () => attach(did.profile_id, false) } : undefined }) },
    );
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <span className="min-w-40 flex-1 text-lg font-medium tabular-nums">{number}</span>
      <SelectField label={words.receptionistOf(number)} hideLabel className="min-w-48 flex-1" disabled={!writable} value={did.profile_id} onChange={(event) => attach(event.target.value, true)}>
        {profiles.map((profile) => (
          <option key={profile.id} value={profile.id}>
            {profile.draft.business_name}
          </option>
        ))}
      </SelectField>
      {writable ? (
        <Button variant="ghost" size="icon" aria-label={words.removeWhat(number)} onClick={() => onRemove(did)}>
          <Trash2 aria-hidden />
        </Button>
      ) : null}
    </li>
  );
}

function RemoveNumber({ did, onClose }: { did: Did; onClose: () => void }) {
  const { operator } = useStrings();
  const words = operator.numbers;
  const complain = useComplain();
  const action = useDidAction();
  const confirm = () =>
    action.mutate(
      { number: did.number, action: "remove" },
      {
        onError: complain,
        onSuccess: () => toast({ title: words.removed }),
        onSettled: onClose,
      },
    );
  return <Confirm open onOpenChange={onClose} title={words.removeTitle(formatPhone(did.number))} description={words.removeDetail} action={words.remove} onConfirm={confirm} pending={action.isPending} />;
}

function AddNumber({ profiles }: { profiles: readonly ProfileDraft[] }) {
  const { operator, common } = useStrings();
  const words = operator.numbers;
  const client = useQueryClient();
  const [round, setRound] = useState(0);
  const form = useForm({
    schema: z.object({ number: z.string().check(z.trim(), z.minLength(1, common.required)), profile_id: z.string() }),
    send: (did, key) => addDid(did, key),
    onDone: () => {
      toast({ title: words.added });
      setRound(round + 1);
      void client.invalidateQueries({ queryKey: ["dids"] });
    },
  });
  return (
    <Section title={words.add} id="add-number">
      {profiles.length === 0 ? (
        <p className="p-4 text-ink-muted">{words.noProfile}</p>
      ) : (
        <form {...form.props} key={round} className="grid gap-4 p-4 sm:grid-cols-2">
          <TextField label={operator.number} hint={words.numberHint} name="number" type="tel" autoComplete="off" error={form.errors.number} />
          <SelectField label={words.receptionist} name="profile_id" error={form.errors.profile_id}>
            {profiles.map((profile) => (
              <option key={profile.id} value={profile.id}>
                {profile.draft.business_name}
              </option>
            ))}
          </SelectField>
          <ProblemNote error={form.failure} className="sm:col-span-2" />
          <div className="sm:col-span-2">
            <Button type="submit" variant="primary" pending={form.pending}>
              <Plus aria-hidden />
              {words.add}
            </Button>
          </div>
        </form>
      )}
    </Section>
  );
}
