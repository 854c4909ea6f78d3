"use client";

import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query holds; `false` where there is no screen. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => window.matchMedia(query).matches, () => false);
}

/** From here on a table has the room that it needs. */
export const WIDE = "(width >= 48rem)";
