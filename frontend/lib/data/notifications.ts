"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, platform, type Schemas, unwrap } from "../api/client";

export function useNotifications() {
  return useQuery({
    queryKey: ["notifications"],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/notifications", { signal })),
  });
}

export function useSaveNotifications() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (settings: Schemas["NotificationSettings"]) => unwrap(api.PUT("/v1/notifications", { body: settings })),
    onSuccess: (saved) => client.setQueryData(["notifications"], saved),
  });
}

/** The same for a business that is not the one at hand. */
export function saveNotificationsOf(tenant: string, settings: Schemas["NotificationSettings"]) {
  return unwrap(platform.PUT("/v1/notifications", { params: { header: { "VCA-Tenant": tenant } }, body: settings }));
}
