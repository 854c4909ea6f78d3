"use client";

import { lazy, type ReactNode, Suspense } from "react";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { Skeleton } from "@/components/ui/skeleton";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

// Only the operator chooses: the owner does not load what he never sees.
const TenantList = lazy(() => import("./tenant-list").then((module) => ({ default: module.TenantList })));

/** Around every page about one business: the operator chooses one first. */
export function NeedsTenant({ children }: { children: ReactNode }) {
  const { shell } = useStrings();
  const { tenant, switchTenant } = useSession();
  if (tenant) return children;
  return (
    <Page title={shell.tenant.choose} lead={shell.tenant.chooseDetail} width="narrow">
      <Card className="p-4">
        <Suspense fallback={<Skeleton className="h-11" />}>
          <TenantList current={null} onChoose={switchTenant} />
        </Suspense>
      </Card>
    </Page>
  );
}
