"use client";

import { AudioLines, Ellipsis, FileText, FileUser, Trash2, UserX } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";

import { useComplain } from "@/components/complain";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { toast } from "@/components/ui/toast";
import { fetchRaw } from "@/lib/api/client";
import { callBackNumber } from "@/lib/calls/show";
import { type CallDetail, loadCallerExport, loadTranscriptText, useEraseCall, useEraseCaller } from "@/lib/data/calls";
import { download } from "@/lib/download";
import { formatPhone } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function CallMenu({ call }: { call: CallDetail }) {
  const { calls: words, common } = useStrings();
  const { can } = useSession();
  const router = useRouter();
  const complain = useComplain();
  const [asking, setAsking] = useState<"call" | "caller" | null>(null);
  const eraseCall = useEraseCall();
  const eraseCaller = useEraseCaller();
  const active = call.status === "active";
  const recorded = call.recording === "complete" || call.recording === "partial";
  const number = call.caller ?? callBackNumber(call);

  const save = (load: () => Promise<Blob>, name: string) => {
    load().then((blob) => download(blob, name), complain);
  };
  const close = () => setAsking(null);
  // Promises, since this menu goes away together with the call: callbacks of a mutation end with what asked for it.
  const gone = (title: string, description?: string) => {
    router.replace("/calls/");
    toast({ title, description });
  };

  return (
    <>
      <Menu
        trigger={
          <Button size="icon" aria-label={common.actions}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem onSelect={() => save(() => loadTranscriptText(call.id), `${call.id}.txt`)}>
          <FileText aria-hidden />
          {words.downloadText}
        </MenuItem>
        <MenuItem disabled={!recorded || active} onSelect={() => save(async () => (await fetchRaw(`/v1/calls/${call.id}/recording`)).blob(), `${call.id}.wav`)}>
          <AudioLines aria-hidden />
          {words.download}
        </MenuItem>
        {can("privacy:write") && number ? (
          <MenuItem onSelect={() => save(() => loadCallerExport(number), `caller-${number.slice(-4)}.json`)}>
            <FileUser aria-hidden />
            {words.exportCaller}
          </MenuItem>
        ) : null}
        {can("calls:write") ? (
          <>
            <MenuSeparator />
            <MenuItem danger disabled={active} onSelect={() => setAsking("call")}>
              <Trash2 aria-hidden />
              {words.delete}
            </MenuItem>
          </>
        ) : null}
        {can("privacy:write") && number ? (
          <MenuItem danger onSelect={() => setAsking("caller")}>
            <UserX aria-hidden />
            {words.eraseCaller}
          </MenuItem>
        ) : null}
      </Menu>
      <Confirm
        open={asking === "call"}
        onOpenChange={close}
        title={words.deleteTitle}
        description={words.deleteDetail}
        action={words.delete}
        pending={eraseCall.isPending}
        onConfirm={() => void eraseCall.mutateAsync(call.id).then(() => gone(words.deleted), complain).finally(close)}
      />
      <Confirm
        open={asking === "caller"}
        onOpenChange={close}
        title={words.eraseCallerTitle(number ? formatPhone(number) : "")}
        description={words.eraseCallerDetail}
        action={words.eraseCaller}
        pending={eraseCaller.isPending}
        onConfirm={() => {
          if (!number) return;
          void eraseCaller
            .mutateAsync(number)
            .then(({ calls, recordings, active: going }) => gone(words.erasedCaller(calls, recordings), going > 0 ? words.erasedActive : undefined), complain)
            .finally(close);
        }}
      />
    </>
  );
}
