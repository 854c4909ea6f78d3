"use client";

import { CircleAlert, CloudOff, type LucideIcon, RotateCw } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "./button";
import { type Problem, problemOf } from "@/lib/api/problem";
import { cn } from "@/lib/cn";
import { type Strings, useStrings } from "@/lib/strings";

interface EmptyProps {
  icon?: LucideIcon;
  title: ReactNode;
  description?: ReactNode;
  action?: ReactNode;
  className?: string;
}

/** Nothing is there, and that is no fault: says what will be here, and how to begin. */
export function EmptyState({ icon: Icon, title, description, action, className }: EmptyProps) {
  return (
    <div className={cn("flex flex-col items-center gap-1 px-6 py-12 text-center", className)}>
      {Icon ? (
        <span className="mb-3 grid size-12 place-items-center rounded-full bg-subtle text-ink-muted">
          <Icon aria-hidden className="size-6" />
        </span>
      ) : null}
      <p className="font-medium">{title}</p>
      {description ? <p className="max-w-sm text-ink-muted">{description}</p> : null}
      {action ? <div className="mt-4">{action}</div> : null}
    </div>
  );
}

/** The words for a problem: ours where the kind is known, the server's detail otherwise. */
export function describeProblem(problem: Problem, common: Strings["common"]): { title: string; detail: string } {
  const { errors } = common;
  switch (problem.status) {
    case 0:
      return { title: errors.unreachable, detail: errors.unreachableDetail };
    case 403:
      return { title: errors.forbidden, detail: problem.detail };
    case 404:
      return { title: errors.notFound, detail: errors.notFoundDetail };
    case 409:
      return { title: problem.detail || errors.conflict, detail: "" };
    case 412:
      return { title: errors.conflict, detail: errors.conflictDetail };
    case 422:
      return { title: errors.fields, detail: (problem.errors ?? []).map((error) => `${error.field} ${error.message}`).join("; ") };
    case 429:
      return { title: errors.rateLimited, detail: errors.rateLimitedDetail };
    default:
      return problem.status >= 500 ? { title: errors.server, detail: problem.detail } : { title: problem.title, detail: problem.detail };
  }
}

/** Something could not be loaded: what, why, and the way to try again. */
export function ErrorState({ error, onRetry, className }: { error: unknown; onRetry?: () => void; className?: string }) {
  const { common } = useStrings();
  const problem = problemOf(error);
  const { title, detail } = describeProblem(problem, common);
  const Icon = problem.status === 0 ? CloudOff : CircleAlert;
  return (
    <div role="alert" className={cn("flex flex-col items-center gap-1 px-6 py-12 text-center", className)}>
      <span className="mb-3 grid size-12 place-items-center rounded-full bg-danger-soft text-danger">
        <Icon aria-hidden className="size-6" />
      </span>
      <p className="font-medium">{title}</p>
      {detail ? <p className="max-w-md text-ink-muted">{detail}</p> : null}
      {problem.request_id ? <p className="font-mono text-xs text-ink-muted">{common.errors.request(problem.request_id)}</p> : null}
      {onRetry ? (
        <Button className="mt-4" onClick={onRetry}>
          <RotateCw aria-hidden />
          {common.retry}
        </Button>
      ) : null}
    </div>
  );
}

/** A failure in the middle of a page or form. */
export function ProblemNote({ error, className }: { error: unknown; className?: string }) {
  const { common } = useStrings();
  if (!error) return null;
  const { title, detail } = describeProblem(problemOf(error), common);
  return (
    <div role="alert" className={cn("flex items-start gap-2.5 rounded-lg bg-danger-soft px-3.5 py-3 text-danger", className)}>
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div>
        <p className="font-medium">{title}</p>
        {detail ? <p className="text-sm">{detail}</p> : null}
      </div>
    </div>
  );
}
