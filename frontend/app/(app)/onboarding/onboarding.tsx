"use client";

import "@/lib/strings/areas/agent";
import "@/lib/strings/areas/onboarding";
import "@/lib/strings/areas/operator";
import "@/lib/strings/areas/usage";

import { useMutation } from "@tanstack/react-query";
import { Check } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { Done } from "./done";
import { StepFields } from "./step-fields";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { ProblemNote } from "@/components/ui/states";
import { newKey } from "@/lib/api/client";
import { fieldErrors, problemOf } from "@/lib/api/problem";
import { cn } from "@/lib/cn";
import { useOnboard } from "@/lib/data/onboarding";
import { issuesByField } from "@/lib/form";
import { type Business, complaints, NEW_BUSINESS, newTenant, type Step, STEPS, stepSchemas } from "@/lib/onboarding/business";
import { useStrings } from "@/lib/strings";

/** A business in five steps and one request: all of it is made, or none of it. */
export function Onboarding() {
  const [round, setRound] = useState(0);
  return <OneBusiness key={round} onAnother={() => setRound(round + 1)} />;
}

function OneBusiness({ onAnother }: { onAnother: () => void }) {
  const strings = useStrings();
  const { onboarding: words, common } = strings;
  const [business, setBusiness] = useState<Business>(NEW_BUSINESS);
  const [step, setStep] = useState<Step>("business");
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const key = useRef<string>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const onboard = useOnboard();
  const at = STEPS.indexOf(step);

  const make = useMutation({
    mutationFn: () => onboard(newTenant(business), (key.current ??= newKey())),
    onError: (error) => {
      // What was refused is another order once it is corrected; what was not answered may have been carried out.
      if (problemOf(error).status !== 0) key.current = null;
      const found = complaints(fieldErrors(error));
      setErrors(found.fields);
      if (found.step) setStep(found.step);
    },
  });

  const touched = business !== NEW_BUSINESS && !make.isSuccess;
  useEffect(() => {
    if (!touched) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [touched]);

  const go = (to: Step) => {
    setStep(to);
    requestAnimationFrame(() => heading.current?.focus());
  };
  const next = (event: FormEvent) => {
    event.preventDefault();
    const parsed = stepSchemas(strings, business.notices.caller)[step].safeParse(business);
    if (!parsed.success) {
      setErrors(issuesByField(parsed.error.issues));
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus());
      return;
    }
    setErrors({});
    const following = STEPS[at + 1];
    if (following) go(following);
    else make.mutate();
  };

  if (make.isSuccess) return <Done onboarded={make.data} notices={business.notices} onAnother={onAnother} />;
  return (
    <Page title={words.title} lead={words.lead} width="narrow">
      <ol className="mb-5 flex gap-1.5 overflow-x-auto pb-1">
        {STEPS.map((one, index) => (
          <li key={one} className="flex-1">
            <button
              type="button"
              disabled={index >= at}
              onClick={() => go(one)}
              aria-current={one === step ? "step" : undefined}
              className={cn("flex min-h-11 w-full items-center gap-1.5 border-t-4 pt-1.5 text-left text-sm", index <= at ? "border-accent" : "border-line", one === step ? "font-semibold text-ink" : "text-ink-muted", index < at && "hover:text-ink")}
            >
              {index < at ? <Check aria-hidden className="size-4 text-accent" /> : null}
              <span className={cn(one !== step && "max-sm:sr-only")}>{words.steps[one]}</span>
              {index < at ? <span className="sr-only"> ({words.done})</span> : null}
            </button>
          </li>
        ))}
      </ol>
      <form ref={form} noValidate onSubmit={next}>
        <Card className="grid gap-4 p-4 sm:p-5">
          <div>
            <p className="text-sm text-ink-muted">{words.stepOf(at + 1, STEPS.length)}</p>
            <h2 ref={heading} tabIndex={-1} className="text-lg font-semibold outline-none">
              {words.steps[step]}
            </h2>
          </div>
          <StepFields step={step} business={business} errors={errors} onChange={(part) => setBusiness({ ...business, ...part })} onGo={go} />
          {make.isError && (step === "review" || Object.keys(errors).length === 0) ? <ProblemNote error={make.error} /> : null}
          <p role="status" className="text-sm text-ink-muted empty:hidden">
            {make.isPending ? words.making : null}
          </p>
          <div className="flex flex-wrap justify-between gap-2">
            {at > 0 ? (
              <Button onClick={() => go(STEPS[at - 1] ?? "business")} disabled={make.isPending}>
                {common.back}
              </Button>
            ) : (
              <span />
            )}
            <Button type="submit" variant="primary" pending={make.isPending}>
              {step === "review" ? words.make : common.next}
            </Button>
          </div>
        </Card>
      </form>
    </Page>
  );
}
