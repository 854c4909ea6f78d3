import { BotMessageSquare, Building2, Cable, ChartColumn, Hash, Headset, History, KeyRound, type LucideIcon, MessageSquareText, PhoneCall, Radio, ScrollText, Send, ShieldCheck, ShieldUser, Store, Sun, Users, Webhook } from "lucide-react";

import type { Permission } from "./session";
import type { Strings } from "./strings";

export type Area = keyof Strings["shell"]["areas"];

export interface NavigationItem {
  area: Area;
  href: string;
  icon: LucideIcon;
  permission: Permission;
  /** `tenant` needs a business at hand; `platform` is the operator's own. */
  reach: "tenant" | "platform";
  /** Whether it has a place in the bar at the bottom of a phone, which holds four. */
  bar?: boolean;
}

/** Every area that is there, in the order in which it is shown. A page that is added gets its line here. */
export const navigation: readonly NavigationItem[] = [
  { area: "today", href: "/", icon: Sun, permission: "calls:read", reach: "tenant", bar: true },
  { area: "calls", href: "/calls/", icon: PhoneCall, permission: "calls:read", reach: "tenant", bar: true },
  { area: "live", href: "/live/", icon: Radio, permission: "calls:read", reach: "tenant", bar: true },
  { area: "agent", href: "/agent/", icon: BotMessageSquare, permission: "profiles:read", reach: "tenant", bar: true },
  { area: "talk", href: "/talk/", icon: Headset, permission: "profiles:write", reach: "tenant" },
  { area: "numbers", href: "/numbers/", icon: Hash, permission: "numbers:read", reach: "tenant" },
  { area: "notifications", href: "/notifications/", icon: MessageSquareText, permission: "messages:read", reach: "tenant" },
  { area: "messages", href: "/messages/", icon: Send, permission: "messages:read", reach: "tenant" },
  { area: "webhooks", href: "/webhooks/", icon: Webhook, permission: "webhooks:read", reach: "tenant" },
  { area: "people", href: "/people/", icon: Users, permission: "users:read", reach: "tenant" },
  { area: "keys", href: "/keys/", icon: KeyRound, permission: "keys:read", reach: "tenant" },
  { area: "usage", href: "/usage/", icon: ChartColumn, permission: "usage:read", reach: "tenant" },
  { area: "privacy", href: "/privacy/", icon: ShieldCheck, permission: "privacy:read", reach: "tenant" },
  { area: "audit", href: "/audit/", icon: History, permission: "audit:read", reach: "tenant" },
  { area: "tenants", href: "/tenants/", icon: Building2, permission: "tenants:read", reach: "platform" },
  { area: "onboarding", href: "/onboarding/", icon: Store, permission: "tenants:write", reach: "platform" },
  { area: "trunks", href: "/trunks/", icon: Cable, permission: "trunks:read", reach: "platform" },
  { area: "platformUsage", href: "/platform-usage/", icon: ChartColumn, permission: "usage:read", reach: "platform" },
  { area: "platformAccess", href: "/platform-access/", icon: ShieldUser, permission: "users:read", reach: "platform" },
  { area: "platformAudit", href: "/platform-audit/", icon: ScrollText, permission: "audit:read", reach: "platform" },
];

/** Whether `href` is where `path` is: the page itself, or one below it that has no entry of its own. */
export function isCurrent(href: string, path: string): boolean {
  if (href === "/") return path === "/";
  if (!path.startsWith(href)) return false;
  return !navigation.some((item) => item.href.length > href.length && item.href.startsWith(href) && path.startsWith(item.href));
}
