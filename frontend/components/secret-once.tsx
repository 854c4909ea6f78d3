"use client";

import { Check, Copy } from "lucide-react";
import { useState } from "react";

import { Button } from "./ui/button";
import { controlStyle, Field } from "./ui/field";
import { cn } from "@/lib/cn";
import { useStrings } from "@/lib/strings";

/** Something that is told this once: to be copied before the page is left. */
export function SecretOnce({ label, secret, hint }: { label: string; secret: string; hint?: string }) {
  const { common, operator: words } = useStrings();
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(secret).then(() => setCopied(true));
  };
  return (
    <Field label={label} hint={hint ?? words.secretHint}>
      {(control) => (
        <div className="flex gap-2">
          <input {...control} readOnly value={secret} onFocus={(event) => event.currentTarget.select()} className={cn(controlStyle, "h-11 min-w-0 font-mono text-sm")} />
          <Button className="h-11" onClick={copy}>
            {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
            <span aria-live="polite">{copied ? common.copied : common.copy}</span>
          </Button>
        </div>
      )}
    </Field>
  );
}
