"use client";

import { Headphones, PhoneForwarded, PhoneOff } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { describeProblem } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { problemOf } from "@/lib/api/problem";
import { useHandOver, useHangUp, useTransferTargets } from "@/lib/data/live";
import type { LiveCall } from "@/lib/live/state";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

function useComplaint(): (error: unknown) => void {
  const { common } = useStrings();
  return (error) => {
    const { title, detail } = describeProblem(problemOf(error), common);
    toast({ title, description: detail, tone: "danger" });
  };
}

/** What can be done with a call that goes on. */
export function CallActions({ call, who }: { call: LiveCall; who: string }) {
  const { can, operator } = useSession();
  const tenant = operator ? call.tenant : undefined;
  return (
    <>
      <ListenIn id={call.id} tenant={tenant} />
      {can("calls:write") ? (
        <>
          <HandOver call={call} tenant={tenant} />
          <HangUp id={call.id} tenant={tenant} who={who} />
        </>
      ) : null}
    </>
  );
}

function ListenIn({ id, tenant }: { id: string; tenant?: string }) {
  const { live: words } = useStrings();
  const complain = useComplaint();
  const [listening, setListening] = useState(false);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const toggle = async () => {
    if (stop.current) return stop.current.abort();
    const controller = new AbortController();
    stop.current = controller;
    setListening(true);
    try {
      const { listenIn } = await import("@/lib/live/listen");
      await listenIn(id, tenant, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) complain(error);
    } finally {
      stop.current = null;
      setListening(false);
    }
  };
  return (
    <Button size="sm" variant="ghost" aria-pressed={listening} onClick={() => void toggle()}>
      <Headphones aria-hidden />
      {listening ? words.stopListening : words.listen}
    </Button>
  );
}

function HandOver({ call, tenant }: { call: LiveCall; tenant?: string }) {
  const { live: words } = useStrings();
  const complain = useComplaint();
  const { data: targets } = useTransferTargets(call.profile, tenant);
  const handOver = useHandOver();
  if (!targets || targets.length === 0) return null;
  const to = (target: string) => handOver.mutate({ id: call.id, tenant, target }, { onSuccess: () => toast({ title: words.handOverAsked(target) }), onError: complain });
  const trigger = (
    <Button size="sm" variant="ghost" disabled={handOver.isPending}>
      <PhoneForwarded aria-hidden />
      {words.handOver}
    </Button>
  );
  return (
    <Menu trigger={trigger} side="top">
      <MenuLabel>{words.handOverTo}</MenuLabel>
      {targets.map(({ name }) => (
        <MenuItem key={name} onSelect={() => to(name)}>
          {name}
        </MenuItem>
      ))}
    </Menu>
  );
}

function HangUp({ id, tenant, who }: { id: string; tenant?: string; who: string }) {
  const { live: words } = useStrings();
  const complain = useComplaint();
  const [asking, setAsking] = useState(false);
  const hangUp = useHangUp();
  const confirm = () => hangUp.mutate({ id, tenant }, { onSuccess: () => toast({ title: words.hangUpAsked }), onError: complain, onSettled: () => setAsking(false) });
  return (
    <>
      <Button size="sm" variant="danger-ghost" onClick={() => setAsking(true)}>
        <PhoneOff aria-hidden />
        {words.hangUp}
      </Button>
      <Confirm open={asking} onOpenChange={setAsking} title={words.hangUpTitle(who)} description={words.hangUpDetail} action={words.hangUp} onConfirm={confirm} pending={hangUp.isPending} />
    </>
  );
}
