"use client";

import { Building2, Check } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/field";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { useTenants } from "@/lib/data/tenants";
import { useStrings } from "@/lib/strings";

interface TenantListProps {
  current: string | null;
  onChoose: (tenant: string) => void;
}

/** The businesses to choose from, found by their names. */
export function TenantList({ current, onChoose }: TenantListProps) {
  const { shell, common } = useStrings();
  const [text, setText] = useState("");
  const tenants = useTenants();

  if (tenants.isPending) {
    return (
      <div aria-busy className="grid gap-2">
        <Skeleton className="h-11" />
        <Skeleton className="h-11" />
        <Skeleton className="h-11" />
      </div>
    );
  }
  if (tenants.isError) return <ErrorState error={tenants.error} onRetry={() => void tenants.refetch()} />;
  if (tenants.data.length === 0) return <EmptyState icon={Building2} title={shell.tenant.empty} description={shell.tenant.emptyDetail} />;

  const wanted = text.trim().toLocaleLowerCase();
  const found = tenants.data.filter((tenant) => tenant.name.toLocaleLowerCase().includes(wanted));
  return (
    <div className="grid gap-3">
      <TextField label={shell.tenant.search} hideLabel placeholder={shell.tenant.search} type="search" value={text} onChange={(event) => setText(event.target.value)} />
      {found.length === 0 ? <p className="px-2 text-ink-muted">{shell.tenant.noneFound}</p> : null}
      <ul className="-mx-2 grid max-h-80 overflow-y-auto">
        {found.map((tenant) => (
          <li key={tenant.id}>
            <button
              type="button"
              onClick={() => onChoose(tenant.id)}
              aria-current={tenant.id === current || undefined}
              className="flex min-h-11 w-full items-center gap-2 rounded-lg px-3 text-left hover:bg-subtle focus-visible:outline-offset-[-2px]"
            >
              <span className="min-w-0 flex-1 truncate">{tenant.name}</span>
              {tenant.status === "suspended" ? <Badge tone="warning">{shell.tenant.suspended}</Badge> : null}
              {tenant.id === current ? <Check aria-hidden className="size-4 text-accent" /> : null}
            </button>
          </li>
        ))}
      </ul>
      {tenants.hasNextPage ? (
        <Button pending={tenants.isFetchingNextPage} onClick={() => void tenants.fetchNextPage()}>
          {common.more}
        </Button>
      ) : null}
    </div>
  );
}
