"use client";

import "@/lib/strings/areas/operator";

import { Building2, Ellipsis, SearchX, Store } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { lazy, Suspense, useMemo, useState } from "react";

import { useComplain } from "@/components/complain";
import { MoreButton } from "@/components/more-button";
import { isEmptyList, QueryView } from "@/components/query-view";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { type Column, DataTable } from "@/components/ui/data-table";
import { TextField } from "@/components/ui/field";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { Page } from "@/components/ui/page";
import { EmptyState } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { type Tenant, useTenantAction, useTenants } from "@/lib/data/tenants";
import { formatDay, formatNumber } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const TenantEditor = lazy(() => import("./tenant-editor"));
const TenantRemoval = lazy(() => import("./tenant-removal"));

export function Tenants() {
  const { operator, shell, common } = useStrings();
  const words = operator.tenants;
  const [text, setText] = useState("");
  const [edited, setEdited] = useState<Tenant | null>(null);
  const [removed, setRemoved] = useState<Tenant | null>(null);
  const query = useTenants();
  const wanted = text.trim().toLocaleLowerCase();
  const found = useMemo(() => (query.data ?? []).filter((tenant) => tenant.name.toLocaleLowerCase().includes(wanted)), [query.data, wanted]);
  const columns = useColumns(setEdited, setRemoved);
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={
        <Button asChild variant="primary">
          <Link href="/onboarding/">
            <Store aria-hidden />
            {shell.areas.onboarding}
          </Link>
        </Button>
      }
    >
      <TextField label={words.searchLabel} hideLabel placeholder={words.search} type="search" value={text} onChange={(event) => setText(event.target.value)} className="mb-4 max-w-md" />
      <Card className="overflow-hidden">
        <QueryView query={query} isEmpty={isEmptyList} empty={<EmptyState icon={Building2} title={words.empty} description={words.emptyDetail} />}>
          {() => <DataTable columns={columns} rows={found} rowId={(tenant) => tenant.id} caption={words.title} empty={<EmptyState icon={SearchX} title={words.noneFound} />} />}
        </QueryView>
      </Card>
      <p role="status" className="mt-3 text-sm text-ink-muted">
        {query.data ? words.shown(found.length, query.hasNextPage) : common.loading}
      </p>
      <MoreButton query={query} />
      {edited ? (
        <Suspense>
          <TenantEditor tenant={edited} onClose={() => setEdited(null)} />
        </Suspense>
      ) : null}
      {removed ? (
        <Suspense>
          <TenantRemoval tenant={removed} onClose={() => setRemoved(null)} />
        </Suspense>
      ) : null}
    </Page>
  );
}

function useColumns(onEdit: (tenant: Tenant) => void, onRemove: (tenant: Tenant) => void): Column<Tenant>[] {
  const { operator, common } = useStrings();
  return useMemo(() => {
    const words = operator.tenants;
    return [
      {
        id: "name",
        header: operator.name,
        cell: ({ row }) => <OpenTenant tenant={row.original} />,
      },
      {
        id: "state",
        header: operator.state,
        cell: ({ row }) => (row.original.status === "suspended" ? <Badge tone="warning">{words.suspended}</Badge> : <Badge tone="success">{words.active}</Badge>),
      },
      { id: "calls", header: words.maxCalls, cell: ({ row }) => <span className="tabular-nums">{formatNumber(row.original.max_calls)}</span>, meta: { className: "text-right" } },
      { id: "created", header: operator.created, cell: ({ row }) => <span className="whitespace-nowrap text-ink-muted">{row.original.created_at ? formatDay(row.original.created_at) : words.file}</span> },
      { id: "actions", header: () => <span className="sr-only">{common.actions}</span>, cell: ({ row }) => <TenantMenu tenant={row.original} onEdit={onEdit} onRemove={onRemove} />, meta: { className: "w-12 text-right" } },
    ];
  }, [operator, common, onEdit, onRemove]);
}

function OpenTenant({ tenant }: { tenant: Tenant }) {
  const { switchTenant } = useSession();
  const router = useRouter();
  const open = () => {
    switchTenant(tenant.id);
    router.push("/");
  };
  return (
    <button type="button" onClick={open} className="min-h-6 text-left font-medium text-accent underline-offset-4 hover:underline">
      {tenant.name}
    </button>
  );
}

function TenantMenu({ tenant, onEdit, onRemove }: { tenant: Tenant; onEdit: (tenant: Tenant) => void; onRemove: (tenant: Tenant) => void }) {
  const { operator, common } = useStrings();
  const words = operator.tenants;
  const { can } = useSession();
  const complain = useComplain();
  const action = useTenantAction();
  if (!can("tenants:write")) return null;
  const suspended = tenant.status === "suspended";
  const set = (to: "suspend" | "resume", undo: boolean) =>
    action.mutate(
      { id: tenant.id, action: to },
      {
        onError: complain,
        onSuccess: () =>
          toast({
            title: to === "suspend" ? words.suspendedNow(tenant.name) : words.resumedNow(tenant.name),
            action: undo ? { label: common.undo, run: () => set(to === "suspend" ? "resume" : "suspend", false) } : undefined,
          }),
      },
    );
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon-sm" aria-label={words.actionsOf(tenant.name)}>
          <Ellipsis aria-hidden />
        </Button>
      }
    >
      <MenuItem onSelect={() => onEdit(tenant)}>{words.edit}</MenuItem>
      <MenuItem danger={!suspended} onSelect={() => set(suspended ? "resume" : "suspend", true)}>
        {suspended ? words.resume : words.suspend}
      </MenuItem>
      <MenuSeparator />
      <MenuItem danger onSelect={() => onRemove(tenant)}>
        {words.remove}
      </MenuItem>
    </Menu>
  );
}
