"use client";

import { useQuery } from "@tanstack/react-query";

import { fetchRaw } from "../api/client";
import { decode } from "../audio/decode";

/** A recording, to play and to draw. Loaded when it is wanted: a minute of it is two megabytes. */
export function useSound(call: string, wanted: boolean) {
  return useQuery({
    queryKey: ["calls", "sound", call],
    enabled: wanted,
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: async ({ signal }) => {
      const blob = await (await fetchRaw(`/v1/calls/${call}/recording`, { signal })).blob();
      return { blob, sound: await decode(blob) };
    },
  });
}
