"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useReducer, useState } from "react";

import { api, platform, unwrap } from "../api/client";
import { ProblemError } from "../api/problem";
import { followEvents, type StreamState } from "../api/sse";
import { isLiveEvent, type LiveCall, type LiveEvent, type LiveState, type Turn, withEvent, withList, withoutEnded, withTurns } from "../live/state";

/** How long a call that is over stays in the view. */
const LINGER_MS = 20_000;
/** Of how many calls the earlier turns are read: more do not fit on a screen, and each is a request. */
const EARLIER_OF = 24;

type Action = { list: readonly LiveCall[] } | { event: LiveEvent } | { turns: readonly Turn[]; call: string } | { sweep: string };

function reduce(state: LiveState, action: Action): LiveState {
  if ("list" in action) return withList(state, action.list);
  if ("event" in action) return withEvent(state, action.event);
  if ("turns" in action) return withTurns(state, action.call, action.turns);
  return withoutEnded(state, action.sweep);
}

export interface Live {
  state: LiveState;
  stream: StreamState;
  /** Whether the list has been read at least once. */
  ready: boolean;
  /** Whether another node's calls may be missing. */
  partial: boolean;
  error: unknown;
}

/** The calls that go on: of the tenant, or with `everybody` those of the whole platform. */
export function useLive(everybody: boolean): Live {
  const client = useQueryClient();
  const [state, dispatch] = useReducer(reduce, {});
  const [stream, setStream] = useState<StreamState>("connecting");
  const [list, setList] = useState<{ ready: boolean; partial: boolean; error: unknown }>({ ready: false, partial: false, error: null });

  useEffect(() => {
    let current = true;
    const readEarlier = async ({ id, tenant }: LiveCall) => {
      const header = everybody ? { "VCA-Tenant": tenant } : undefined;
      const earlier = await unwrap(api.GET("/v1/calls/{id}", { params: { path: { id }, header } })).catch(() => null);
      if (current && earlier) dispatch({ call: id, turns: earlier.turns });
    };
    const read = async () => {
      try {
        const { calls, partial } = await unwrap((everybody ? platform : api).GET("/v1/live/calls"));
        if (!current) return;
        dispatch({ list: calls });
        setList({ ready: true, partial, error: null });
        // The list has the last turn only; what was said before it is with the call.
        for (const call of calls.filter((one) => one.turns > 1).slice(0, EARLIER_OF)) void readEarlier(call);
      } catch (error) {
        if (current) setList((before) => ({ ...before, error }));
      }
    };
    const stop = followEvents({
      platform: everybody,
      onState: (state) => {
        setStream(state);
        // The list is read after the stream is open: what happens in between is then in one of them.
        if (state === "open") void read();
      },
      onEvent: ({ event, data }) => {
        if (event === "missed") return void read();
        const value = parse(data);
        if (!isLiveEvent(value)) return;
        dispatch({ event: value });
        if (value.type === "call.ended") void client.invalidateQueries({ queryKey: ["calls"] });
      },
    });
    const sweep = setInterval(() => dispatch({ sweep: new Date(Date.now() - LINGER_MS).toISOString() }), 5000);
    return () => {
      current = false;
      stop();
      clearInterval(sweep);
    };
  }, [everybody, client]);

  return { state, stream, ...list };
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

/** Ends a call. One that has ended meanwhile is what was wanted. */
export function useHangUp() {
  return useMutation({
    mutationFn: async ({ id, tenant }: { id: string; tenant?: string }) => {
      const header = tenant ? { "VCA-Tenant": tenant } : undefined;
      try {
        await unwrap(api.POST("/v1/live/calls/{id}/hang-up", { params: { path: { id }, header } }));
      } catch (error) {
        if (!(error instanceof ProblemError) || error.status !== 404) throw error;
      }
    },
  });
}

/** Whom the callers of a receptionist may be handed to. */
export function useTransferTargets(profile: string, tenant: string | undefined) {
  return useQuery({
    queryKey: ["profiles", profile, "transfers", tenant ?? null],
    queryFn: async () => {
      const header = tenant ? { "VCA-Tenant": tenant } : undefined;
      return (await unwrap(api.GET("/v1/profiles/{id}/transfers", { params: { path: { id: profile }, header } }))).targets ?? [];
    },
    staleTime: 60_000,
  });
}

/** Has the caller handed to a transfer target of the receptionist, by its name. */
export function useHandOver() {
  return useMutation({
    mutationFn: async ({ id, tenant, target }: { id: string; tenant?: string; target: string }) => {
      const header = tenant ? { "VCA-Tenant": tenant } : undefined;
      await unwrap(api.POST("/v1/live/calls/{id}/hand-over", { params: { path: { id }, header }, body: { target } }));
    },
  });
}
