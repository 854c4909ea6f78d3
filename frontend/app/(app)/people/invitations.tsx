"use client";

import { useState } from "react";

import { useComplain } from "@/components/complain";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { type Invitation, useInvitations, useRevokeInvitation } from "@/lib/data/people";
import { formatDay } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** Who was invited and has not come yet. */
export function Invitations() {
  const { people: words } = useStrings();
  const { can } = useSession();
  const complain = useComplain();
  const query = useInvitations();
  const revoke = useRevokeInvitation();
  const [asked, setAsked] = useState<Invitation | null>(null);
  return (
    <Section title={words.pending} id="invited">
      {query.isPending ? (
        <div aria-busy className="p-4">
          <Skeleton className="h-10" />
        </div>
      ) : query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} className="py-6" />
      ) : query.data.length === 0 ? (
        <p className="p-4 text-ink-muted">{words.noPending}</p>
      ) : (
        <ul className="divide-y divide-line">
          {query.data.map((invitation) => (
            <li key={invitation.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3">
              <div className="min-w-0 flex-1">
                <p className="break-all">{invitation.email}</p>
                <p className="text-sm text-ink-muted">
                  {words.roleNames[invitation.role]}, {words.until(formatDay(invitation.expires_at))}
                </p>
              </div>
              {can("users:write") ? (
                <Button size="sm" variant="danger-ghost" onClick={() => setAsked(invitation)}>
                  {words.revoke}
                  <span className="sr-only">{invitation.email}</span>
                </Button>
              ) : null}
            </li>
          ))}
        </ul>
      )}
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={words.revokeTitle(asked?.email ?? "")}
        description={words.revokeDetail}
        action={words.revoke}
        pending={revoke.isPending}
        onConfirm={() => {
          if (!asked) return;
          revoke.mutate(asked.id, { onSuccess: () => toast({ title: words.revoked }), onError: complain, onSettled: () => setAsked(null) });
        }}
      />
    </Section>
  );
}
