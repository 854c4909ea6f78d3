"use client";

import { ChevronsUpDown } from "lucide-react";
import { type ComponentProps, lazy, Suspense, useState } from "react";

import { cn } from "@/lib/cn";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

// A menu with all that places it is a tenth of what a page may load at first, and seldom opened.
const loadMenu = () => import("./account-menu");
const AccountMenu = lazy(loadMenu);

/** Who is signed in; opens the account's menu. */
export function Account({ compact, side }: { compact?: boolean; side: "top" | "bottom" }) {
  const [wanted, setWanted] = useState(false);
  if (!wanted) {
    return <AccountButton compact={compact} aria-haspopup="menu" onClick={() => setWanted(true)} onFocus={() => void loadMenu()} onPointerEnter={() => void loadMenu()} />;
  }
  return (
    <Suspense fallback={<AccountButton compact={compact} aria-busy />}>
      <AccountMenu compact={compact} side={side} />
    </Suspense>
  );
}

export function AccountButton({ compact, className, ...rest }: ComponentProps<"button"> & { compact?: boolean }) {
  const { shell, common } = useStrings();
  const { me } = useSession();
  const name = me.user?.name ?? common.unknown;
  const initials = name
    .split(/\s+/)
    .map((word) => word[0])
    .slice(0, 2)
    .join("")
    .toUpperCase();
  return (
    <button
      type="button"
      className={cn("flex items-center gap-2.5 rounded-lg text-left hover:bg-subtle", compact ? "size-10 justify-center" : "w-full p-2", className)}
      {...rest}
    >
      <span className="sr-only">{shell.account(name)}</span>
      <span aria-hidden className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent">
        {initials}
      </span>
      {compact ? null : (
        <>
          <span aria-hidden className="min-w-0 flex-1">
            <span className="block truncate text-sm font-medium">{name}</span>
            <span className="block truncate text-xs text-ink-muted">{me.role ? shell.roles[me.role] : null}</span>
          </span>
          <ChevronsUpDown aria-hidden className="size-4 text-ink-muted" />
        </>
      )}
    </button>
  );
}
