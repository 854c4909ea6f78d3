"use client";

import "@/lib/strings/areas/people";

import { UserPlus, Users } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { Invitations } from "./invitations";
import { Person } from "./person";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { useUsers } from "@/lib/data/people";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const InviteDialog = lazy(() => import("./invite-dialog"));

/** Who may sign in: to the business at hand, or for the operator without one, to the platform. */
export function People() {
  const { people: words, common } = useStrings();
  const { can } = useSession();
  const [inviting, setInviting] = useState(false);
  const query = useUsers();
  return (
    <Page
      title={words.title}
      lead={words.lead}
      width="narrow"
      actions={
        can("users:write") ? (
          <Button variant="primary" onClick={() => setInviting(true)}>
            <UserPlus aria-hidden />
            {words.invite}
          </Button>
        ) : null
      }
    >
      <div className="grid gap-6">
        <Card>
          {query.isPending ? (
            <div aria-busy>
              <span role="status" className="sr-only">
                {common.loading}
              </span>
              <SkeletonRows rows={3} />
            </div>
          ) : query.isError ? (
            <ErrorState error={query.error} onRetry={() => void query.refetch()} />
          ) : query.data.length === 0 ? (
            <EmptyState icon={Users} title={words.empty} />
          ) : (
            <ul className="divide-y divide-line">
              {query.data.map((user) => (
                <Person key={user.id} user={user} />
              ))}
            </ul>
          )}
        </Card>
        {query.hasNextPage ? (
          <Button pending={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()} className="justify-self-center">
            {common.more}
          </Button>
        ) : null}
        <Invitations />
      </div>
      {inviting ? (
        <Suspense>
          <InviteDialog onClose={() => setInviting(false)} />
        </Suspense>
      ) : null}
    </Page>
  );
}
