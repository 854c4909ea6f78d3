"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, type Schemas, unwrap } from "../api/client";

export type Webhook = Schemas["WebhookView"];

export function useWebhooks() {
  return useQuery({
    queryKey: ["webhooks"],
    queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/webhooks", { signal }))).webhooks,
  });
}

export function addWebhook(body: Schemas["NewWebhook"], key: string) {
  return unwrap(api.POST("/v1/webhooks", { body, params: { header: { "Idempotency-Key": key } } }));
}

type WebhookAction = "remove" | "rotate" | "replay" | Schemas["ChangedWebhook"];

/** What came of it: a secret that is told once, or how many messages are sent again. */
export interface WebhookResult {
  secret?: string | null;
  replayed?: number;
}

export function useWebhookAction() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, action }: { id: string; action: WebhookAction }): Promise<WebhookResult> => {
      const params = { path: { id } };
      if (action === "remove") await unwrap(api.DELETE("/v1/webhooks/{id}", { params }));
      else if (action === "rotate") return { secret: (await unwrap(api.POST("/v1/webhooks/{id}/rotate-secret", { params }))).secret };
      else if (action === "replay") return { replayed: (await unwrap(api.POST("/v1/webhooks/{id}/replay", { params }))).messages };
      else await unwrap(api.PATCH("/v1/webhooks/{id}", { params, body: action }));
      return {};
    },
    onMutate: ({ id, action }) => {
      if (typeof action === "string") return;
      client.setQueryData<Webhook[]>(["webhooks"], (list) => list?.map((hook) => (hook.id === id ? { ...hook, ...(action as Partial<Webhook>) } : hook)));
    },
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ["webhooks"] }), client.invalidateQueries({ queryKey: ["messages"] })]),
  });
}
