"use client";

import { ChevronsUpDown } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { cn } from "@/lib/cn";
import { useTenant } from "@/lib/data/tenants";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const TenantDialog = lazy(() => import("./tenant-dialog"));

/** Whose calls are shown. The operator may change it. */
export function TenantSwitch({ compact }: { compact?: boolean }) {
  const { shell } = useStrings();
  const { operator, tenant } = useSession();
  const [open, setOpen] = useState(false);
  const { data } = useTenant(tenant);
  const name = data?.name ?? (tenant ? "…" : shell.tenant.none);

  if (!operator) {
    return <p className={cn("truncate font-semibold", compact ? "text-base" : "px-2")}>{name}</p>;
  }
  return (
    <>
      <button
        type="button"
        onClick={() => setOpen(true)}
        aria-haspopup="dialog"
        className={cn("flex w-full items-center gap-2 rounded-lg text-left hover:bg-subtle", compact ? "h-10 px-2" : "border border-line px-2.5 py-2")}
      >
        <span className="min-w-0 flex-1">
          <span className="sr-only">{shell.tenant.switch}: </span>
          <span className="block truncate font-medium">{name}</span>
        </span>
        <ChevronsUpDown aria-hidden className="size-4 shrink-0 text-ink-muted" />
      </button>
      {open ? (
        <Suspense>
          <TenantDialog onClose={() => setOpen(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
