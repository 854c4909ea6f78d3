"use client";

import { AudioLines, Ellipsis, FileText, Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";

import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { describeProblem } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { fetchRaw } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import { type CallDetail, loadTranscriptText, useDeleteCall } from "@/lib/data/calls";
import { download } from "@/lib/download";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function CallMenu({ call }: { call: CallDetail }) {
  const { calls: words, common } = useStrings();
  const { can } = useSession();
  const router = useRouter();
  const [asking, setAsking] = useState(false);
  const remove = useDeleteCall();
  const active = call.status === "active";
  const recorded = call.recording === "complete" || call.recording === "partial";

  const complain = (error: unknown) => {
    const { title, detail } = describeProblem(problemOf(error), common);
    toast({ title, description: detail, tone: "danger" });
  };
  const save = (load: () => Promise<Blob>, name: string) => {
    load().then((blob) => download(blob, name), complain);
  };
  const confirm = () =>
    remove.mutate(call.id, {
      onSuccess: () => {
        router.replace("/calls/");
        toast({ title: words.deleted });
      },
      onError: (error) => {
        setAsking(false);
        complain(error);
      },
    });

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
        {can("calls:write") ? (
          <>
            <MenuSeparator />
            <MenuItem danger disabled={active} onSelect={() => setAsking(true)}>
              <Trash2 aria-hidden />
              {words.delete}
            </MenuItem>
          </>
        ) : null}
      </Menu>
      <Confirm open={asking} onOpenChange={setAsking} title={words.deleteTitle} description={words.deleteDetail} action={words.delete} onConfirm={confirm} pending={remove.isPending} />
    </>
  );
}
