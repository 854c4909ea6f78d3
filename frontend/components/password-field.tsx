"use client";

import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";

import { Button } from "./ui/button";
import { controlStyle, Field, type FieldProps } from "./ui/field";
import { cn } from "@/lib/cn";
import { useStrings } from "@/lib/strings";

interface PasswordFieldProps extends FieldProps {
  name: string;
  autoComplete: "current-password" | "new-password";
}

export function PasswordField({ name, autoComplete, ...field }: PasswordFieldProps) {
  const { session } = useStrings();
  const [shown, setShown] = useState(false);
  return (
    <Field {...field}>
      {(control) => (
        <div className="relative">
          <input {...control} name={name} type={shown ? "text" : "password"} autoComplete={autoComplete} className={cn(controlStyle, "h-11 pr-12")} />
          <Button
            variant="ghost"
            size="icon-sm"
            className="absolute top-1.5 right-1.5"
            aria-pressed={shown}
            aria-label={shown ? session.hide : session.show}
            onClick={() => setShown(!shown)}
          >
            {shown ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
          </Button>
        </div>
      )}
    </Field>
  );
}
