import { CircleAlert } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";

import { cn } from "@/lib/cn";

export const controlStyle =
  "w-full rounded-lg border border-line-strong/70 bg-surface px-3 text-ink placeholder:text-ink-muted/80 hover:border-line-strong focus-visible:outline-offset-0 disabled:cursor-not-allowed disabled:bg-subtle disabled:text-ink-muted aria-invalid:border-danger";

export interface FieldProps {
  label: ReactNode;
  /** A sentence under the label. */
  hint?: ReactNode;
  error?: string;
  /** Keeps the label for screen readers only, where the surroundings say it to everyone else. */
  hideLabel?: boolean;
  className?: string;
}

/** What a control needs to be tied to its label, hint and error. */
export interface ControlProps {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

/** A control with its label, hint and error. */
export function Field({ label, hint, error, hideLabel, className, children }: FieldProps & { children: (control: ControlProps) => ReactNode }) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className={cn("grid content-start gap-1.5", className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "text-sm font-medium"}>
        {label}
      </label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": error ? true : undefined })}
      {hint ? (
        <p id={`${id}-hint`} className="text-sm text-ink-muted">
          {hint}
        </p>
      ) : null}
      {error ? (
        <p id={`${id}-error`} className="flex items-start gap-1.5 text-sm text-danger">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {error}
        </p>
      ) : null}
    </div>
  );
}

type Rest<T extends "input" | "textarea" | "select"> = Omit<ComponentProps<T>, "id" | "className">;

export function TextField({ label, hint, error, hideLabel, className, ...rest }: FieldProps & Rest<"input">) {
  return (
    <Field {...{ label, hint, error, hideLabel, className }}>
      {(control) => <input type="text" {...rest} {...control} className={cn(controlStyle, "h-11")} />}
    </Field>
  );
}

export function TextArea({ label, hint, error, hideLabel, className, ...rest }: FieldProps & Rest<"textarea">) {
  return (
    <Field {...{ label, hint, error, hideLabel, className }}>
      {(control) => <textarea rows={3} {...rest} {...control} className={cn(controlStyle, "min-h-22 py-2")} />}
    </Field>
  );
}

/** The device's own list: the best one on a phone, and the same for keyboards and screen readers everywhere. */
export function SelectField({ label, hint, error, hideLabel, className, children, ...rest }: FieldProps & Rest<"select">) {
  return (
    <Field {...{ label, hint, error, hideLabel, className }}>
      {(control) => (
        <select {...rest} {...control} className={cn(controlStyle, "h-11 pr-8")}>
          {children}
        </select>
      )}
    </Field>
  );
}
