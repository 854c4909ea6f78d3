"use client";

import { useCallback } from "react";

import { describeProblem } from "./ui/states";
import { toast } from "./ui/toast";
import { problemOf } from "@/lib/api/problem";
import { useStrings } from "@/lib/strings";

/** Tells in a toast why something did not work that has no form to say it. */
export function useComplain(): (error: unknown) => void {
  const { common } = useStrings();
  return useCallback(
    (error) => {
      const { title, detail } = describeProblem(problemOf(error), common);
      toast({ title, description: detail, tone: "danger" });
    },
    [common],
  );
}
