"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { type Schemas, unwrap } from "../api/client";
import { clientOf, type Scope } from "./scope";

export type ApiKey = Schemas["ApiKey"];
export type User = Schemas["User"];
export type Invitation = Schemas["Invitation"];

export function useKeys(scope: Scope) {
  return useInfiniteQuery({
    queryKey: ["keys", scope],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(clientOf(scope).GET("/v1/keys", { params: { query: { cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.keys),
  });
}

export function createKey(scope: Scope, body: Schemas["NewApiKey"], key: string) {
  return unwrap(clientOf(scope).POST("/v1/keys", { body, params: { header: { "Idempotency-Key": key } } }));
}

export function useKeyAction(scope: Scope) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, action }: { id: string; action: "remove" | "rotate" }): Promise<string | null> => {
      const params = { path: { id } };
      if (action === "rotate") return (await unwrap(clientOf(scope).POST("/v1/keys/{id}/rotate", { params }))).secret ?? null;
      await unwrap(clientOf(scope).DELETE("/v1/keys/{id}", { params }));
      return null;
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}

export function useUsers(scope: Scope) {
  return useInfiniteQuery({
    queryKey: ["users", scope],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(clientOf(scope).GET("/v1/users", { params: { query: { cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.users),
  });
}

export function useUserAction(scope: Scope) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, action }: { id: string; action: "remove" | "sign-out" | Schemas["UserPatch"] }) => {
      const params = { path: { id } };
      if (action === "remove") await unwrap(clientOf(scope).DELETE("/v1/users/{id}", { params }));
      else if (action === "sign-out") await unwrap(clientOf(scope).POST("/v1/users/{id}/sign-out", { params }));
      else await unwrap(clientOf(scope).PATCH("/v1/users/{id}", { params, body: action }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["users"] }),
  });
}

export function useInvitations(scope: Scope) {
  return useQuery({
    queryKey: ["invitations", scope],
    queryFn: async ({ signal }) => (await unwrap(clientOf(scope).GET("/v1/invitations", { signal }))).invitations,
  });
}

export function invite(scope: Scope, body: Schemas["NewInvitation"], key: string) {
  return unwrap(clientOf(scope).POST("/v1/invitations", { body, params: { header: { "Idempotency-Key": key } } }));
}

export function useTakeBackInvitation(scope: Scope) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(clientOf(scope).DELETE("/v1/invitations/{id}", { params: { path: { id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["invitations"] }),
  });
}

export function useAudit(scope: Scope) {
  return useInfiniteQuery({
    queryKey: ["audit", scope],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(clientOf(scope).GET("/v1/audit", { params: { query: { cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.entries),
  });
}
