import { QueryClient } from "@tanstack/react-query";

import { problemOf } from "./api/problem";

/** Whether to ask again by itself: where the server was not reached or has no time now, not where it said no. */
export function worthRetrying(failures: number, error: unknown): boolean {
  const { status } = problemOf(error);
  return failures < 2 && (status === 0 || status === 502 || status === 503 || status === 504);
}

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: worthRetrying, staleTime: 15_000, gcTime: 5 * 60_000 },
      mutations: { retry: false },
    },
  });
}
