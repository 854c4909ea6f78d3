"use client";

import { useQueryClient } from "@tanstack/react-query";

import { platform, type Schemas, unwrap } from "../api/client";

export type Onboarded = Schemas["Onboarded"];

/** Makes a business with all that belongs to it. The same `key` again is the same order again. */
export function useOnboard() {
  const client = useQueryClient();
  return async (tenant: Schemas["NewTenant"], key: string): Promise<Onboarded> => {
    const onboarded = await unwrap(platform.POST("/v1/tenants", { body: tenant, params: { header: { "Idempotency-Key": key } } }));
    void client.invalidateQueries({ queryKey: ["tenants"] });
    return onboarded;
  };
}

/** Invites the owner of a business that is not the one at hand. */
export function inviteOwner(tenant: string, email: string, key: string): Promise<Schemas["NewInvitationToken"]> {
  return unwrap(platform.POST("/v1/invitations", { body: { email, role: "tenant_admin" }, params: { header: { "VCA-Tenant": tenant, "Idempotency-Key": key } } }));
}
