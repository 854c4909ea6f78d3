"use client";

import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";
import { useStrings } from "@/lib/strings";

/** A page whose code failed; the rest of the shell goes on. */
export default function PageError({ reset }: { error: Error; reset: () => void }) {
  const { common } = useStrings();
  return (
    <div role="alert">
      <EmptyState title={common.errors.page} action={<Button onClick={reset}>{common.retry}</Button>} />
    </div>
  );
}
