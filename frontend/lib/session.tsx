"use client";

import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { usePathname, useRouter } from "next/navigation";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useSyncExternalStore } from "react";

import { actFor, onSignedOut, platform, type Schemas, unwrap } from "./api/client";
import { readPreference, writePreference } from "./preferences";

export type Me = Schemas["Me"];
export type Permission = Schemas["Permission"];

/** Who is signed in, for whom he acts, and what he may do. */
export interface SessionState {
  me: Me;
  /** Whether this is the operator, who belongs to no tenant. */
  operator: boolean;
  /** The tenant at hand; `null` while the operator has chosen none. */
  tenant: string | null;
  can: (permission: Permission) => boolean;
  switchTenant: (tenant: string | null) => void;
  signOut: (everywhere?: boolean) => Promise<void>;
}

const Session = createContext<SessionState | null>(null);

export function useSession(): SessionState {
  const session = useContext(Session);
  if (!session) throw new Error("useSession outside of the signed-in part");
  return session;
}

/** Public pages ask for nothing: this is the one key that outlives a switch of the tenant. */
const ME = ["me"] as const;

const tenantListeners = new Set<() => void>();

function subscribeTenant(listener: () => void): () => void {
  tenantListeners.add(listener);
  return () => tenantListeners.delete(listener);
}

function chooseTenant(tenant: string | null): void {
  writePreference("vca.tenant", tenant);
  actFor(tenant);
  tenantListeners.forEach((listener) => listener());
}

async function loadMe(signal?: AbortSignal): Promise<Me> {
  const me = await unwrap(platform.GET("/v1/me", { signal }));
  // A choice of somebody who was signed in here before must not name another tenant for this one.
  if (me.tenant) chooseTenant(null);
  else actFor(readPreference("vca.tenant"));
  return me;
}

/** Forgets everything that was loaded for the tenant before. */
function forget(client: QueryClient): void {
  void client.cancelQueries();
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== ME[0] });
}

/** Lets through who is signed in; leads everybody else to the sign-in page and back. */
export function SessionProvider({ children, waiting, failed }: { children: ReactNode; waiting: ReactNode; failed: (error: unknown, retry: () => void) => ReactNode }) {
  const client = useQueryClient();
  const router = useRouter();
  const path = usePathname();
  const query = useQuery({ queryKey: ME, queryFn: ({ signal }) => loadMe(signal), staleTime: 60_000 });
  const chosen = useSyncExternalStore(subscribeTenant, () => readPreference("vca.tenant"), () => null);

  useEffect(
    () =>
      onSignedOut(() => {
        client.clear();
        const here = path + window.location.search;
        router.replace(`/sign-in/?${new URLSearchParams(here === "/" ? { ended: "1" } : { ended: "1", next: here })}`);
      }),
    [client, router, path],
  );

  const me = query.data;
  const session = useMemo<SessionState | null>(() => {
    if (!me) return null;
    const permissions = new Set<Permission>(me.permissions);
    return {
      me,
      operator: !me.tenant,
      tenant: me.tenant ?? chosen,
      can: (permission) => permissions.has(permission),
      switchTenant: (tenant) => {
        chooseTenant(tenant);
        forget(client);
      },
      signOut: async (everywhere = false) => {
        await unwrap(everywhere ? platform.DELETE("/v1/sessions") : platform.DELETE("/v1/session"));
        chooseTenant(null);
        client.clear();
        router.replace("/sign-in/");
      },
    };
  }, [me, chosen, client, router]);

  if (session) return <Session.Provider value={session}>{children}</Session.Provider>;
  if (query.isError && query.error) {
    const status = "problem" in query.error ? (query.error.problem as { status: number }).status : 0;
    return status === 401 ? waiting : failed(query.error, () => void query.refetch());
  }
  return waiting;
}
