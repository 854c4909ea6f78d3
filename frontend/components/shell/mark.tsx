"use client";

import { cn } from "@/lib/cn";
import { useStrings } from "@/lib/strings";

/** The product's sign and name. */
export function Mark({ className }: { className?: string }) {
  const { common } = useStrings();
  return (
    <span className={cn("inline-flex items-center gap-2.5 font-semibold tracking-tight", className)}>
      <svg aria-hidden viewBox="0 0 32 32" className="size-8">
        <rect width="32" height="32" rx="9" className="fill-accent" />
        <path d="M7.5 14v4M11.8 10.5v11M16 7v18M20.2 11.5v9M24.5 14v4" className="stroke-accent-ink" strokeWidth="2.6" strokeLinecap="round" />
      </svg>
      <span className="text-lg">{common.product}</span>
    </span>
  );
}
