"use client";

import { Menu as MenuIcon } from "lucide-react";
import { usePathname } from "next/navigation";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { Account } from "./account";
import { Mark } from "./mark";
import { BottomBar, NavigationList } from "./navigation";
import { TenantSwitch } from "./tenant-switch";
import { IntentLink } from "@/components/intent-link";
import { Button } from "@/components/ui/button";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import { SessionProvider } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const MenuSheet = lazy(() => import("./menu-sheet"));

/** Everything around a page for whoever is signed in. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <SessionProvider waiting={<Waiting />} failed={(error, retry) => <ErrorState error={error} onRetry={retry} className="min-h-dvh justify-center" />}>
      <Frame>{children}</Frame>
    </SessionProvider>
  );
}

function Frame({ children }: { children: ReactNode }) {
  const { shell, common } = useStrings();
  const path = usePathname();
  // The menu belongs to the page on which it was opened: going somewhere closes it.
  const [openOn, setOpenOn] = useState<string | null>(null);
  return (
    <div className="md:grid md:min-h-dvh md:grid-cols-[15rem_minmax(0,1fr)]">
      <a href="#content" className="sr-only rounded-lg bg-accent px-4 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-60">
        {shell.skip}
      </a>

      <aside className="sticky top-0 hidden h-dvh flex-col gap-4 border-r border-line bg-surface p-3 md:flex">
        <IntentLink href="/" className="rounded-lg px-2 pt-1.5" aria-label={common.product}>
          <Mark />
        </IntentLink>
        <TenantSwitch />
        <nav aria-label={shell.navigation} className="-mx-3 flex-1 overflow-y-auto px-3">
          <NavigationList />
        </nav>
        <Account side="top" />
      </aside>

      <div className="flex min-h-dvh min-w-0 flex-col">
        <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-surface px-2 md:hidden">
          <Button variant="ghost" size="icon" aria-label={shell.openMenu} onClick={() => setOpenOn(path)}>
            <MenuIcon aria-hidden />
          </Button>
          <div className="min-w-0 flex-1">
            <TenantSwitch compact />
          </div>
          <Account compact side="bottom" />
        </header>
        {openOn === path ? (
          <Suspense>
            <MenuSheet onClose={() => setOpenOn(null)} />
          </Suspense>
        ) : null}
        <main id="content" tabIndex={-1} className="flex-1 pb-20 outline-none md:pb-0">
          {children}
        </main>
        <BottomBar />
      </div>
    </div>
  );
}

/** The outline of the shell: what is painted before the server has said who is there. */
function Waiting() {
  const { common } = useStrings();
  return (
    <div className="md:grid md:min-h-dvh md:grid-cols-[15rem_minmax(0,1fr)]" aria-busy>
      <div className="hidden border-r border-line bg-surface p-5 md:block">
        <Mark />
      </div>
      <div>
        <div className="flex h-14 items-center border-b border-line bg-surface px-4 md:hidden">
          <Mark />
        </div>
        <main className="mx-auto max-w-3xl px-4 py-7 sm:px-6">
          <span role="status" className="sr-only">
            {common.loading}
          </span>
          <Skeleton className="mb-6 h-8 w-40" />
          <SkeletonRows />
        </main>
      </div>
    </div>
  );
}
