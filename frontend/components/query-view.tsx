"use client";

import type { ReactNode } from "react";

import { SkeletonRows } from "./ui/skeleton";
import { ErrorState } from "./ui/states";
import { useStrings } from "@/lib/strings";

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => Promise<unknown>;
}

/** What a list shows while it is on its way, and when it did not come; otherwise the list, or `empty`. */
export function QueryView<T>({ query, empty, isEmpty, rows = 5, children }: { query: QueryLike<T>; empty: ReactNode; isEmpty: (data: T) => boolean; rows?: number; children: (data: T) => ReactNode }) {
  const { common } = useStrings();
  if (query.data !== undefined) return isEmpty(query.data) ? empty : children(query.data);
  if (query.isPending) {
    return (
      <div aria-busy>
        <span role="status" className="sr-only">
          {common.loading}
        </span>
        <SkeletonRows rows={rows} />
      </div>
    );
  }
  return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
}

export const isEmptyList = (list: readonly unknown[]) => list.length === 0;
