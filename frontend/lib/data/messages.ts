"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, type Schemas, unwrap } from "../api/client";

export type Message = Schemas["MessageView"];

/** What was sent, or is to be sent, about a call. */
export function useMessagesOfCall(call: string) {
  return useQuery({
    queryKey: ["messages", "call", call],
    enabled: call !== "",
    queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/messages", { params: { query: { call, limit: 200 } }, signal }))).messages,
    refetchInterval: (query) => (query.state.data?.some((message) => message.state === "pending") ? 5000 : false),
  });
}

export function useResendMessage() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.POST("/v1/messages/{id}/resend", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["messages"] }),
  });
}

export interface MessageFilter {
  channel?: string;
  state?: string;
  webhook?: string;
}

/** What was sent, or is to be sent, the latest first. */
export function useMessages(filter: MessageFilter) {
  return useInfiniteQuery({
    queryKey: ["messages", "list", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => unwrap(api.GET("/v1/messages", { params: { query: { ...filter, cursor: pageParam } as never }, signal })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    select: (data) => data.pages.flatMap((page) => page.messages),
  });
}

/** One message with every try. */
export function useMessage(id: string | null) {
  return useQuery({
    queryKey: ["messages", "one", id],
    enabled: id !== null,
    queryFn: ({ signal }) => unwrap(api.GET("/v1/messages/{id}", { params: { path: { id: id ?? "" } }, signal })),
    refetchInterval: (query) => (query.state.data?.state === "pending" ? 3000 : false),
  });
}
