import type { ReactNode } from "react";

import { cn } from "@/lib/cn";

interface PageProps {
  title: ReactNode;
  /** A line under the title. */
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** Narrow pages are read (the owner's); wide ones are worked in. */
  width?: "narrow" | "wide";
}

/** The frame of every page: one level-one heading, actions beside it. */
export function Page({ title, lead, actions, children, width = "wide" }: PageProps) {
  return (
    <div className={cn("mx-auto w-full px-4 py-5 sm:px-6 sm:py-7", width === "narrow" ? "max-w-3xl" : "max-w-6xl")}>
      <header className="mb-5 flex flex-wrap items-start justify-between gap-x-4 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-2xl leading-tight font-semibold tracking-tight text-balance">{title}</h1>
          {lead ? <p className="mt-1 text-ink-muted">{lead}</p> : null}
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}
