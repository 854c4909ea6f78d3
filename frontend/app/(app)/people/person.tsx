"use client";

import { Ban, Ellipsis, LogOut, ShieldCheck, Trash2, UserCheck } from "lucide-react";
import { useState } from "react";

import { useComplain } from "@/components/complain";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { toast } from "@/components/ui/toast";
import { type Role, type User, useChangeUser, useRemoveUser, useSignUserOut } from "@/lib/data/people";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Person({ user }: { user: User }) {
  const { people: words } = useStrings();
  const { me, can } = useSession();
  const self = me.user?.id === user.id;
  return (
    <li className="flex items-center gap-3 px-4 py-3.5">
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-2">
          <span className="font-medium break-words">{user.name}</span>
          {self ? <Badge tone="accent">{words.you}</Badge> : null}
          {user.disabled ? <Badge tone="danger">{words.disabled}</Badge> : null}
        </div>
        <p className="text-sm break-all text-ink-muted">{user.email}</p>
      </div>
      <span className="text-sm text-ink-muted">{words.roleNames[user.role]}</span>
      {/* Nobody takes his own access away: the server refuses it too. */}
      {can("users:write") && !self ? <PersonMenu user={user} /> : null}
    </li>
  );
}

function PersonMenu({ user }: { user: User }) {
  const { people: words, common } = useStrings();
  const complain = useComplain();
  const [asking, setAsking] = useState(false);
  const change = useChangeUser();
  const signOut = useSignUserOut();
  const remove = useRemoveUser();

  /** Does it at once, and offers the way back. */
  const set = (after: { role?: Role; disabled?: boolean }, title: string) => {
    const before = { ...(after.role ? { role: user.role } : {}), ...(after.disabled === undefined ? {} : { disabled: user.disabled }) };
    change.mutate({ id: user.id, ...after }, { onError: complain });
    toast({ title, action: { label: common.undo, run: () => change.mutate({ id: user.id, ...before }, { onError: complain }) } });
  };
  const otherRole: Role | null = user.role === "viewer" ? "tenant_admin" : user.role === "tenant_admin" ? "viewer" : null;

  return (
    <>
      <Menu
        trigger={
          <Button variant="ghost" size="icon" aria-label={words.actionsFor(user.name)}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        {otherRole ? (
          <MenuItem onSelect={() => set({ role: otherRole }, words.roleChanged(user.name, words.roleNames[otherRole]))}>
            <ShieldCheck aria-hidden />
            {words.changeRole(words.roleNames[otherRole])}
          </MenuItem>
        ) : null}
        <MenuItem onSelect={() => signOut.mutate(user.id, { onSuccess: () => toast({ title: words.signedOut(user.name) }), onError: complain })}>
          <LogOut aria-hidden />
          {words.signOut}
        </MenuItem>
        {user.disabled ? (
          <MenuItem onSelect={() => set({ disabled: false }, words.unblocked(user.name))}>
            <UserCheck aria-hidden />
            {words.enable}
          </MenuItem>
        ) : (
          <MenuItem onSelect={() => set({ disabled: true }, words.blocked(user.name))}>
            <Ban aria-hidden />
            {words.disable}
          </MenuItem>
        )}
        <MenuSeparator />
        <MenuItem danger onSelect={() => setAsking(true)}>
          <Trash2 aria-hidden />
          {words.remove}
        </MenuItem>
      </Menu>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={words.removeTitle(user.name)}
        description={words.removeDetail}
        action={words.remove}
        pending={remove.isPending}
        onConfirm={() =>
          remove.mutate(user.id, {
            onSuccess: () => toast({ title: words.removed }),
            onError: complain,
            onSettled: () => setAsking(false),
          })
        }
      />
    </>
  );
}
