"use client";

import { Lock } from "lucide-react";
import type { ReactNode } from "react";

import { EmptyState } from "@/components/ui/states";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** Around every page about the platform itself. The server refuses everybody else anyway. */
export function OperatorOnly({ children }: { children: ReactNode }) {
  const { common } = useStrings();
  const { operator } = useSession();
  if (operator) return children;
  return (
    <>
      <h1 className="sr-only">{common.errors.forbidden}</h1>
      <EmptyState icon={Lock} title={common.errors.forbidden} className="min-h-[60dvh] justify-center" />
    </>
  );
}
