"use client";

import { type InfiniteData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { platform, type Schemas, unwrap } from "../api/client";

export type Tenant = Schemas["TenantView"];
type Page = Schemas["TenantPage"];

/** One business, which its own people may see too. */
export function useTenant(id: string | null) {
  return useQuery({
    queryKey: ["tenant", id],
    enabled: id !== null,
    staleTime: 5 * 60_000,
    queryFn: ({ signal }) => unwrap(platform.GET("/v1/tenants/{tenant}", { params: { path: { tenant: id ?? "" } }, signal })),
  });
}

/** Every business, oldest first, a page at a time: the operator's. */
export function useTenants(enabled = true) {
  return useInfiniteQuery({
    queryKey: ["tenants"],
    enabled,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(platform.GET("/v1/tenants", { params: { query: { limit: 200, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.tenants),
  });
}

/** Changes one business in the list at once; the server's answer then holds. */
export function useTenantAction() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, action }: { id: string; action: "suspend" | "resume" | { name?: string; max_calls?: number } }) => {
      const params = { path: { tenant: id } };
      if (action === "suspend") return unwrap(platform.POST("/v1/tenants/{tenant}/suspend", { params }));
      if (action === "resume") return unwrap(platform.POST("/v1/tenants/{tenant}/resume", { params }));
      return unwrap(platform.PATCH("/v1/tenants/{tenant}", { params, body: action }));
    },
    onMutate: async ({ id, action }) => {
      await client.cancelQueries({ queryKey: ["tenants"] });
      const before = client.getQueryData<InfiniteData<Page>>(["tenants"]);
      const change: Partial<Tenant> = action === "suspend" ? { status: "suspended" } : action === "resume" ? { status: "active" } : action;
      client.setQueryData<InfiniteData<Page>>(["tenants"], (data) =>
        data ? { ...data, pages: data.pages.map((page) => ({ ...page, tenants: page.tenants.map((tenant) => (tenant.id === id ? { ...tenant, ...change } : tenant)) })) } : data,
      );
      return { before };
    },
    onError: (_error, _action, context) => client.setQueryData(["tenants"], context?.before),
    onSettled: (_data, _error, { id }) => Promise.all([client.invalidateQueries({ queryKey: ["tenants"] }), client.invalidateQueries({ queryKey: ["tenant", id] })]),
  });
}

/** Removes a business for good; what it had goes in the background. */
export function useRemoveTenant() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(platform.DELETE("/v1/tenants/{tenant}", { params: { path: { tenant: id } } })),
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: ["tenant", id] });
      return client.invalidateQueries({ queryKey: ["tenants"] });
    },
  });
}
