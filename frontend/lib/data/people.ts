"use client";

import { type InfiniteData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, platform, type Schemas, unwrap } from "../api/client";

export type User = Schemas["User"];
export type Invitation = Schemas["Invitation"];
export type Role = Schemas["Role"];
export type SignedInSession = Schemas["Session"];
type UserPage = Schemas["UserPage"];

const USERS = ["users", "list"] as const;

export function useUsers() {
  return useInfiniteQuery({
    queryKey: USERS,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(api.GET("/v1/users", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.users),
  });
}

function withUser(data: InfiniteData<UserPage> | undefined, change: (users: User[]) => User[]): InfiniteData<UserPage> | undefined {
  return data && { ...data, pages: data.pages.map((page) => ({ ...page, users: change(page.users) })) };
}

/** Changes a person at once, and back when the server refuses. */
export function useChangeUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: { id: string; role?: Role; disabled?: boolean }) => unwrap(api.PATCH("/v1/users/{id}", { params: { path: { id } }, body })),
    onMutate: async ({ id, ...change }) => {
      await client.cancelQueries({ queryKey: USERS });
      const before = client.getQueryData<InfiniteData<UserPage>>(USERS);
      client.setQueryData<InfiniteData<UserPage>>(USERS, (data) => withUser(data, (users) => users.map((user) => (user.id === id ? { ...user, ...change } : user))));
      return { before };
    },
    onError: (_error, _change, context) => client.setQueryData(USERS, context?.before),
    onSettled: () => client.invalidateQueries({ queryKey: USERS }),
  });
}

export function useRemoveUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/v1/users/{id}", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: USERS }),
  });
}

export function useSignUserOut() {
  return useMutation({ mutationFn: (id: string) => unwrap(api.POST("/v1/users/{id}/sign-out", { params: { path: { id } } })) });
}

const INVITATIONS = ["invitations"] as const;

export function useInvitations() {
  return useQuery({ queryKey: INVITATIONS, queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/invitations", { signal }))).invitations });
}

/** Not a hook: forms send it with a key of their own. */
export function createInvitation(body: Schemas["NewInvitation"], key: string) {
  return unwrap(api.POST("/v1/invitations", { params: { header: { "Idempotency-Key": key } }, body }));
}

export function useForgetInvitations(): () => void {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: INVITATIONS });
}

export function useRevokeInvitation() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/v1/invitations/{id}", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: INVITATIONS }),
  });
}

const SESSIONS = ["sessions"] as const;

/** Where the person who looks is signed in. */
export function useSessions() {
  return useQuery({ queryKey: SESSIONS, queryFn: async ({ signal }) => (await unwrap(platform.GET("/v1/sessions", { signal }))).sessions });
}

export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(platform.DELETE("/v1/sessions/{id}", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: SESSIONS }),
  });
}

export function changePassword(body: Schemas["PasswordChange"]) {
  return unwrap(platform.PUT("/v1/me/password", { body }));
}

export function useForgetSessions(): () => void {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: SESSIONS });
}
