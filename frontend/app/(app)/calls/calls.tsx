"use client";

import { PhoneIncoming, SearchX } from "lucide-react";

import { CallList } from "./call-list";
import { ExportButton } from "./export-button";
import { Filters } from "./filters";
import { useFilter } from "./use-filter";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { filterCount } from "@/lib/calls/filters";
import { useCalls } from "@/lib/data/calls";
import { useStrings } from "@/lib/strings";

export function Calls() {
  const { calls: words, common } = useStrings();
  const [filter, change] = useFilter();
  const query = useCalls(filter);
  const narrowed = filterCount(filter) > 0;
  const clear = () => change({ text: undefined, outcome: undefined, status: undefined, caller: undefined, did: undefined, from: undefined, until: undefined });

  return (
    <Page title={words.title} actions={<ExportButton filter={filter} disabled={!query.data?.length} />}>
      <Filters filter={filter} onChange={change} onClear={clear} />
      <Card className="mt-4 overflow-hidden">
        {query.isPending ? (
          <div aria-busy>
            <span role="status" className="sr-only">
              {common.loading}
            </span>
            <SkeletonRows rows={8} />
          </div>
        ) : query.isError ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : query.data.length === 0 ? (
          narrowed ? (
            <EmptyState icon={SearchX} title={words.noMatch} description={words.noMatchDetail} action={<Button onClick={clear}>{words.clear}</Button>} />
          ) : (
            <EmptyState icon={PhoneIncoming} title={words.empty} description={words.emptyDetail} />
          )
        ) : (
          <CallList calls={query.data} />
        )}
      </Card>
      <div className="mt-4 flex flex-wrap items-center justify-between gap-3">
        <p role="status" className="text-sm text-ink-muted">
          {query.data ? words.shown(query.data.length, query.hasNextPage) : null}
        </p>
        {query.hasNextPage ? (
          <Button pending={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {common.more}
          </Button>
        ) : null}
      </div>
      <p className="mt-2 hidden text-sm text-ink-muted md:block">{words.keys}</p>
    </Page>
  );
}
