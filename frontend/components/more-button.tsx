"use client";

import { Button } from "./ui/button";
import { useStrings } from "@/lib/strings";

interface Paged {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** The next page of a list, where there is one. */
export function MoreButton({ query }: { query: Paged }) {
  const { common } = useStrings();
  if (!query.hasNextPage) return null;
  return (
    <Button className="mt-4" pending={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
      {common.more}
    </Button>
  );
}
