"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, type Schemas, unwrap } from "../api/client";
import type { Profile, ProfileDraft } from "../agent/draft";

export type Publication = Schemas["Publication"];
export type PublishedVersion = Schemas["PublishedVersion"];

/** What `If-Match` wants of a draft. */
function entityTag(draft: Pick<ProfileDraft, "revision">): string {
  return `"${draft.revision}"`;
}

/** The tenant's receptionists. There are few: one page holds them. */
export function useProfiles() {
  return useQuery({
    queryKey: ["profiles", "list"],
    queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/profiles", { params: { query: { limit: 200 } }, signal }))).profiles,
  });
}

export function useProfile(id: string) {
  return useQuery({
    queryKey: ["profiles", "one", id],
    enabled: id !== "",
    queryFn: ({ signal }) => loadProfile(id, signal),
  });
}

export function loadProfile(id: string, signal?: AbortSignal): Promise<ProfileDraft> {
  return unwrap(api.GET("/v1/profiles/{id}", { params: { path: { id } }, signal }));
}

/** Changes fields of a draft. @throws ProblemError with status 412 when it is not `base` any more */
export function saveProfile(base: ProfileDraft, patch: object): Promise<ProfileDraft> {
  const params = { path: { id: base.id }, header: { "If-Match": entityTag(base) } };
  return unwrap(api.PATCH("/v1/profiles/{id}", { params, body: patch as Schemas["ProfileChange"] }));
}

export function createProfile(profile: Profile): Promise<ProfileDraft> {
  return unwrap(api.POST("/v1/profiles", { body: profile }));
}

export function usePublish() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (draft: ProfileDraft) => unwrap(api.POST("/v1/profiles/{id}/publish", { params: { path: { id: draft.id }, header: { "If-Match": entityTag(draft) } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["profiles"] }),
  });
}

export function useRollBack() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ draft, version }: { draft: ProfileDraft; version: number }) =>
      unwrap(api.POST("/v1/profiles/{id}/roll-back", { params: { path: { id: draft.id }, header: { "If-Match": entityTag(draft) } }, body: { version } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["profiles"] }),
  });
}

export function useVersions(id: string) {
  return useInfiniteQuery({
    queryKey: ["profiles", "versions", id],
    enabled: id !== "",
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(api.GET("/v1/profiles/{id}/versions", { params: { path: { id }, query: { limit: 20, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.versions),
  });
}

/** One version as it was published; what was published never changes. */
export function useVersion(id: string, version: number | null) {
  return useQuery({
    queryKey: ["profiles", "version", id, version],
    enabled: version !== null,
    staleTime: Infinity,
    queryFn: ({ signal }) => unwrap(api.GET("/v1/profiles/{id}/versions/{version}", { params: { path: { id, version: version ?? 0 } }, signal })),
  });
}
