"use client";

import { Badge } from "./ui/badge";
import { outcomeOf } from "@/lib/calls/show";
import type { Call } from "@/lib/data/calls";
import { useStrings } from "@/lib/strings";

/** What became of a call, in one word. */
export function OutcomeBadge({ call }: { call: Pick<Call, "status" | "outcome"> }) {
  const { calls } = useStrings();
  const { text, tone } = outcomeOf(call, calls);
  return <Badge tone={tone}>{text}</Badge>;
}
