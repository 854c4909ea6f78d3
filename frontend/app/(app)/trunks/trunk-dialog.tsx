"use client";

import { useState } from "react";

import { useComplain } from "@/components/complain";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Dialog } from "@/components/ui/dialog";
import { toast } from "@/components/ui/toast";
import { type Trunk, useRemoveTrunk } from "@/lib/data/lines";
import { formatDateTime, formatPhone } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export default function TrunkDialog({ trunk, onClose }: { trunk: Trunk; onClose: () => void }) {
  const { operator, common } = useStrings();
  const words = operator.trunks;
  const { can } = useSession();
  const complain = useComplain();
  const remove = useRemoveTrunk();
  const [asking, setAsking] = useState(false);
  const rows: [string, string | null | undefined][] = [
    [operator.state, words.states[trunk.state]],
    [operator.since, formatDateTime(trunk.since)],
    [words.carrier, trunk.profile],
    [words.mode, words.modes[trunk.mode]],
    [words.expires, trunk.expires_at ? formatDateTime(trunk.expires_at) : null],
    [words.nextTry, trunk.next_try ? formatDateTime(trunk.next_try) : null],
    [words.lastError, trunk.last_error],
    [words.target, trunk.target],
    [words.publicAddress, trunk.public_addr],
    [words.options, trunk.options_answered === null || trunk.options_answered === undefined ? null : trunk.options_answered ? common.yes : common.no],
    [words.sources, (trunk.sources ?? []).join(", ")],
    [words.numbers, trunk.dids.map(formatPhone).join("\n") || common.none],
  ];
  if (asking) {
    const confirm = () =>
      remove.mutate(trunk.name, {
        onSuccess: () => {
          toast({ title: words.removed });
          onClose();
        },
        onError: (error) => {
          setAsking(false);
          complain(error);
        },
      });
    return <Confirm open onOpenChange={setAsking} title={words.removeTitle(trunk.name)} description={words.removeDetail} action={words.remove} onConfirm={confirm} pending={remove.isPending} />;
  }
  return (
    <Dialog open onOpenChange={onClose} title={trunk.name}>
      <dl className="grid gap-2.5 text-sm">
        {rows
          .filter(([, value]) => value)
          .map(([label, value]) => (
            <div key={label} className="grid gap-x-4 sm:grid-cols-[11rem_minmax(0,1fr)]">
              <dt className="text-ink-muted">{label}</dt>
              <dd className="break-words whitespace-pre-line">{value}</dd>
            </div>
          ))}
      </dl>
      {can("trunks:write") ? (
        <div className="mt-5">
          <Button variant="danger-ghost" onClick={() => setAsking(true)}>
            {words.remove}
          </Button>
        </div>
      ) : null}
    </Dialog>
  );
}
