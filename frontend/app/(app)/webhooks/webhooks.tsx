"use client";

import "@/lib/strings/areas/operator";

import { Ellipsis, Plus, Webhook as WebhookIcon } from "lucide-react";
import { useRouter } from "next/navigation";
import { lazy, Suspense, useState } from "react";

import { useComplain } from "@/components/complain";
import { isEmptyList, QueryView } from "@/components/query-view";
import { SecretOnce } from "@/components/secret-once";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Dialog } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import { Switch } from "@/components/ui/switch";
import { toast } from "@/components/ui/toast";
import { useWebhookAction, useWebhooks, type Webhook } from "@/lib/data/webhooks";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const AddWebhook = lazy(() => import("./add-webhook"));

export function Webhooks() {
  const { operator } = useStrings();
  const words = operator.webhooks;
  const { can } = useSession();
  const query = useWebhooks();
  const [adding, setAdding] = useState(false);
  const writable = can("webhooks:write");
  const add = writable ? (
    <Button variant="primary" onClick={() => setAdding(true)}>
      <Plus aria-hidden />
      {words.add}
    </Button>
  ) : null;
  return (
    <Page title={words.title} lead={words.lead} width="narrow" actions={add}>
      <Card>
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={WebhookIcon} title={words.empty} description={words.emptyDetail} />} rows={2}>
          {(hooks) => (
            <ul className="divide-y divide-line">
              {hooks.map((hook) => (
                <Endpoint key={hook.id} hook={hook} writable={writable} />
              ))}
            </ul>
          )}
        </QueryView>
      </Card>
      {adding ? (
        <Suspense>
          <AddWebhook onClose={() => setAdding(false)} />
        </Suspense>
      ) : null}
    </Page>
  );
}

function Endpoint({ hook, writable }: { hook: Webhook; writable: boolean }) {
  const { operator } = useStrings();
  const words = operator.webhooks;
  const router = useRouter();
  const complain = useComplain();
  const action = useWebhookAction();
  const [asking, setAsking] = useState<"rotate" | "remove" | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const run = (what: "rotate" | "remove" | "replay") =>
    action.mutate(
      { id: hook.id, action: what },
      {
        onError: complain,
        onSettled: () => setAsking(null),
        onSuccess: ({ secret, replayed }) => {
          if (secret) setSecret(secret);
          if (replayed !== undefined) toast({ title: words.replayed(replayed) });
          if (what === "remove") toast({ title: words.removed });
        },
      },
    );
  return (
    <li className="flex items-start gap-3 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="font-medium break-all">{hook.url}</p>
        <p className="text-sm text-ink-muted">
          {words.events}: {hook.events.length > 0 ? hook.events.join(", ") : words.everything}
        </p>
        {hook.disabled_reason ? <p className="text-sm text-danger">{words.disabledReason(hook.disabled_reason)}</p> : null}
        <div className="max-w-48">
          <Switch label={<span aria-label={words.enabledOf(hook.url)}>{words.enabled}</span>} checked={hook.enabled} disabled={!writable} onChange={(enabled) => action.mutate({ id: hook.id, action: { enabled } }, { onError: complain })} />
        </div>
      </div>
      <Menu
        trigger={
          <Button variant="ghost" size="icon" aria-label={words.actionsOf(hook.url)}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem onSelect={() => router.push(`/messages/?${new URLSearchParams({ webhook: hook.id })}`)}>{words.deliveries}</MenuItem>
        {writable ? (
          <>
            <MenuItem onSelect={() => run("replay")}>{words.replay}</MenuItem>
            <MenuItem onSelect={() => setAsking("rotate")}>{words.rotate}</MenuItem>
            <MenuSeparator />
            <MenuItem danger onSelect={() => setAsking("remove")}>
              {words.remove}
            </MenuItem>
          </>
        ) : null}
      </Menu>
      <Confirm open={asking === "remove"} onOpenChange={() => setAsking(null)} title={words.removeTitle} description={words.removeDetail} action={words.remove} onConfirm={() => run("remove")} pending={action.isPending} />
      <Confirm open={asking === "rotate"} onOpenChange={() => setAsking(null)} title={words.rotateTitle} description={words.rotateDetail} action={words.rotate} danger={false} onConfirm={() => run("rotate")} pending={action.isPending} />
      <Dialog open={secret !== null} onOpenChange={() => setSecret(null)} title={words.secretOf(hook.url)}>
        {secret ? <SecretOnce label={words.secret} secret={secret} /> : null}
      </Dialog>
    </li>
  );
}
