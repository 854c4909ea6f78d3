"use client";

import { Ellipsis, KeyRound, Plus } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { useComplain } from "@/components/complain";
import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { SecretOnce } from "@/components/secret-once";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Dialog } from "@/components/ui/dialog";
import { Menu, MenuItem } from "@/components/ui/menu";
import { EmptyState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { type ApiKey, useKeyAction, useKeys } from "@/lib/data/access";
import type { Scope } from "@/lib/data/scope";
import { formatDay } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";
import { useNow } from "@/lib/use-now";

const NewKey = lazy(() => import("./new-key"));

export function Keys({ scope }: { scope: Scope }) {
  const { operator } = useStrings();
  const words = operator.access;
  const { can } = useSession();
  const query = useKeys(scope);
  const [making, setMaking] = useState(false);
  return (
    <>
      {can("keys:write") ? (
        <Button variant="primary" className="mb-4" onClick={() => setMaking(true)}>
          <Plus aria-hidden />
          {words.newKey}
        </Button>
      ) : null}
      <Card>
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={KeyRound} title={words.noKeys} description={words.noKeysDetail} />} rows={2}>
          {(keys) => (
            <ul className="divide-y divide-line">
              {keys.map((key) => (
                <KeyLine key={key.id} apiKey={key} scope={scope} />
              ))}
            </ul>
          )}
        </QueryView>
      </Card>
      <MoreButton query={query} />
      {making ? (
        <Suspense>
          <NewKey scope={scope} onClose={() => setMaking(false)} />
        </Suspense>
      ) : null}
    </>
  );
}

function KeyLine({ apiKey, scope }: { apiKey: ApiKey; scope: Scope }) {
  const { operator } = useStrings();
  const words = operator.access;
  const { can } = useSession();
  const complain = useComplain();
  const action = useKeyAction(scope);
  const now = useNow(60_000);
  const [asking, setAsking] = useState<"rotate" | "remove" | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const run = (what: "rotate" | "remove") =>
    action.mutate(
      { id: apiKey.id, action: what },
      {
        onError: complain,
        onSettled: () => setAsking(null),
        onSuccess: (told) => {
          if (told) setSecret(told);
          else toast({ title: words.removed(words.keyOf(apiKey.name)) });
        },
      },
    );
  return (
    <li className="flex items-center gap-3 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          {apiKey.name}
          {apiKey.expires_at && Date.parse(apiKey.expires_at) < now ? <Badge tone="danger">{words.expired}</Badge> : null}
        </p>
        <p className="text-sm break-words text-ink-muted">
          {apiKey.scopes ? apiKey.scopes.join(", ") : words.allScopes} · {apiKey.expires_at ? words.expires(formatDay(apiKey.expires_at)) : words.never}
        </p>
      </div>
      {can("keys:write") ? (
        <Menu
          trigger={
            <Button variant="ghost" size="icon" aria-label={words.actionsOf(apiKey.name)}>
              <Ellipsis aria-hidden />
            </Button>
          }
        >
          <MenuItem onSelect={() => setAsking("rotate")}>{words.rotate}</MenuItem>
          <MenuItem danger onSelect={() => setAsking("remove")}>
            {words.removeKey}
          </MenuItem>
        </Menu>
      ) : null}
      <Confirm open={asking === "rotate"} onOpenChange={() => setAsking(null)} title={words.rotateTitle(apiKey.name)} description={words.rotateDetail} action={words.rotate} onConfirm={() => run("rotate")} pending={action.isPending} />
      <Confirm open={asking === "remove"} onOpenChange={() => setAsking(null)} title={words.removeKeyTitle(apiKey.name)} description={words.removeKeyDetail} action={words.removeKey} onConfirm={() => run("remove")} pending={action.isPending} />
      <Dialog open={secret !== null} onOpenChange={() => setSecret(null)} title={words.keyOf(apiKey.name)}>
        {secret ? <SecretOnce label={words.keySecret} secret={secret} /> : null}
      </Dialog>
    </li>
  );
}
