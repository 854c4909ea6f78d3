"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

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
