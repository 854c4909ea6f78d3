"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, platform, type Schemas, unwrap } from "../api/client";

export type Did = Schemas["DidView"];
export type Trunk = Schemas["TrunkView"];

/** How every line of the platform is. States change by themselves: it is read again while it is looked at. */
export function useTrunks() {
  return useQuery({
    queryKey: ["trunks"],
    refetchInterval: 10_000,
    queryFn: async ({ signal }) => (await unwrap(platform.GET("/v1/trunks", { signal }))).trunks,
  });
}

export function useDids() {
  return useInfiniteQuery({
    queryKey: ["dids"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(api.GET("/v1/dids", { params: { query: { cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.dids),
  });
}

export function addDid(body: Schemas["NewDid"], key: string): Promise<Did> {
  return unwrap(api.POST("/v1/dids", { body, params: { header: { "Idempotency-Key": key } } }));
}

export function useDidAction() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ number, action }: { number: string; action: "remove" | { profile_id: string } }) => {
      const params = { path: { number } };
      if (action === "remove") await unwrap(api.DELETE("/v1/dids/{number}", { params }));
      else await unwrap(api.PATCH("/v1/dids/{number}", { params, body: action }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["dids"] }),
  });
}

export function useRemoveTrunk() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => unwrap(platform.DELETE("/v1/trunks/{name}", { params: { path: { name } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["trunks"] }),
  });
}
