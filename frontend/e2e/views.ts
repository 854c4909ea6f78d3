import type { Role } from "./browser";
import type { World } from "./world";

export interface View {
  name: string;
  path: string;
  /** Who looks; nobody before signing in. */
  role: Role | null;
}

/** Every page, for what holds for all of them: accessibility, widths, pictures. A page that is added gets its line here. */
export function views({ calls }: World): View[] {
  return [
    { name: "sign-in", path: "/sign-in/", role: null },
    { name: "set-up", path: "/set-up/", role: null },
    { name: "invitation", path: "/invitation/", role: null },
    { name: "today", path: "/", role: "owner" },
    { name: "calls", path: "/calls/", role: "owner" },
    { name: "call", path: `/calls/view/?id=${calls.appointment}`, role: "owner" },
    { name: "call-interrupted", path: `/calls/view/?id=${calls.interrupted}`, role: "owner" },
    { name: "live", path: "/live/", role: "owner" },
    { name: "agent", path: "/agent/", role: "owner" },
    { name: "agent-viewer", path: "/agent/", role: "viewer" },
    { name: "people", path: "/people/", role: "owner" },
    { name: "account", path: "/account/", role: "owner" },
    { name: "talk", path: "/talk/", role: "owner" },
    { name: "numbers", path: "/numbers/", role: "owner" },
    { name: "notifications", path: "/notifications/", role: "owner" },
    { name: "messages", path: "/messages/", role: "owner" },
    { name: "webhooks", path: "/webhooks/", role: "owner" },
    { name: "keys", path: "/keys/", role: "owner" },
    { name: "usage", path: "/usage/", role: "owner" },
    { name: "privacy", path: "/privacy/", role: "owner" },
    { name: "audit", path: "/audit/", role: "owner" },
    { name: "tenants", path: "/tenants/", role: "operator" },
    { name: "trunks", path: "/trunks/", role: "operator" },
    { name: "platform-usage", path: "/platform-usage/", role: "operator" },
    { name: "platform-access", path: "/platform-access/", role: "operator" },
    { name: "platform-audit", path: "/platform-audit/", role: "operator" },
    { name: "onboarding", path: "/onboarding/", role: "operator" },
    { name: "choose-business", path: "/", role: "operator" },
  ];
}
