"use client";

import { Ellipsis, Users as UsersIcon } from "lucide-react";
import { useState } from "react";

import { useComplain } from "@/components/complain";
import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { EmptyState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import type { Schemas } from "@/lib/api/client";
import { type User, useUserAction, useUsers } from "@/lib/data/access";
import type { Scope } from "@/lib/data/scope";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Users({ scope }: { scope: Scope }) {
  const { operator } = useStrings();
  const words = operator.access;
  const query = useUsers(scope);
  return (
    <>
      <Card>
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={UsersIcon} title={words.noUsers} description={words.noUsersDetail} />} rows={3}>
          {(users) => (
            <ul className="divide-y divide-line">
              {users.map((user) => (
                <Person key={user.id} user={user} scope={scope} />
              ))}
            </ul>
          )}
        </QueryView>
      </Card>
      <MoreButton query={query} />
    </>
  );
}

function Person({ user, scope }: { user: User; scope: Scope }) {
  const { operator, shell, common } = useStrings();
  const words = operator.access;
  const { me, can } = useSession();
  const complain = useComplain();
  const action = useUserAction(scope);
  const [asking, setAsking] = useState(false);
  const own = me.user?.id === user.id;
  const patch = (change: Schemas["UserPatch"], title: string, undo?: Schemas["UserPatch"]) =>
    action.mutate(
      { id: user.id, action: change },
      { onError: complain, onSuccess: () => toast({ title, action: undo ? { label: common.undo, run: () => action.mutate({ id: user.id, action: undo }, { onError: complain }) } : undefined }) },
    );
  const other: Schemas["Role"] = user.role === "viewer" ? "tenant_admin" : "viewer";
  return (
    <li className="flex items-center gap-3 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1 font-medium">
          {user.name}
          {own ? <span className="font-normal text-ink-muted">({words.you})</span> : null}
          <Badge tone={user.role === "viewer" ? "neutral" : "accent"}>{shell.roles[user.role]}</Badge>
          {user.disabled ? <Badge tone="warning">{words.disabled}</Badge> : null}
        </p>
        <p className="text-sm break-all text-ink-muted">{user.email}</p>
      </div>
      {can("users:write") && !own ? (
        <Menu
          trigger={
            <Button variant="ghost" size="icon" aria-label={words.actionsOf(user.name)}>
              <Ellipsis aria-hidden />
            </Button>
          }
        >
          {scope === "tenant" ? <MenuItem onSelect={() => patch({ role: other }, words.changedRole(user.name, shell.roles[other]), { role: user.role })}>{words.makeRole(shell.roles[other])}</MenuItem> : null}
          <MenuItem onSelect={() => action.mutate({ id: user.id, action: "sign-out" }, { onError: complain, onSuccess: () => toast({ title: words.signedOut(user.name) }) })}>{words.signOut}</MenuItem>
          <MenuItem onSelect={() => patch({ disabled: !user.disabled }, user.disabled ? words.enabledNow(user.name) : words.disabledNow(user.name), { disabled: user.disabled })}>{user.disabled ? words.enable : words.disable}</MenuItem>
          <MenuSeparator />
          <MenuItem danger onSelect={() => setAsking(true)}>
            {words.removeUser}
          </MenuItem>
        </Menu>
      ) : null}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={words.removeUserTitle(user.name)}
        description={words.removeUserDetail}
        action={words.removeUser}
        pending={action.isPending}
        onConfirm={() => action.mutate({ id: user.id, action: "remove" }, { onError: complain, onSuccess: () => toast({ title: words.removed(user.name) }), onSettled: () => setAsking(false) })}
      />
    </li>
  );
}
