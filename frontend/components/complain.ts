"use client";

import { describeProblem } from "./ui/states";
import { toast } from "./ui/toast";
import { problemOf } from "@/lib/api/problem";
import { useStrings } from "@/lib/strings";

/** Tells in a toast why something that was pressed did not happen. */
export function useComplain(): (error: unknown) => void {
  const { common } = useStrings();
  return (error) => {
    const { title, detail } = describeProblem(problemOf(error), common);
    toast({ title, description: detail || undefined, tone: "danger" });
  };
}
