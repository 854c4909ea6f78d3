"use client";

import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useMemo } from "react";

import { type CallFilter, filterFromUrl, filterToUrl } from "@/lib/calls/filters";

/** The filter in the address. Each change of it is one step back in the browser, so that Back takes one filter away. */
export function useFilter(): [CallFilter, (change: Partial<CallFilter>) => void] {
  const router = useRouter();
  const path = usePathname();
  const params = useSearchParams();
  const query = params.toString();
  const filter = useMemo(() => filterFromUrl(new URLSearchParams(query)), [query]);
  const change = (changed: Partial<CallFilter>) => {
    const next = filterToUrl({ ...filter, ...changed });
    if (next !== filterToUrl(filter)) router.push(next ? `${path}?${next}` : path, { scroll: false });
  };
  return [filter, change];
}
