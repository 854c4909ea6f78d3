"use client";

import * as Radix from "@radix-ui/react-dropdown-menu";
import { Check } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";

import { cn } from "@/lib/cn";

const itemStyle =
  "flex min-h-9 w-full items-center gap-2.5 rounded-md px-2.5 py-1.5 text-sm outline-none select-none data-[disabled]:opacity-50 data-[highlighted]:bg-subtle [&_svg]:size-4 [&_svg]:shrink-0";

/** Within the page's main part: what stands outside of every landmark is lost to those who go from one to the next. */
function portal(): HTMLElement | null {
  return typeof document === "undefined" ? null : document.getElementById("content");
}

/** A menu. Not modal: Radix would lock the page's scrolling through a style element, which the policy forbids. */
export function Menu({ trigger, children, align = "end", side, defaultOpen }: { defaultOpen?: boolean; trigger: ReactNode; children: ReactNode; align?: "start" | "end"; side?: "top" | "bottom" }) {
  return (
    <Radix.Root modal={false} defaultOpen={defaultOpen}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal container={portal()}>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-52 animate-in overflow-y-auto rounded-xl border border-line bg-raised p-1.5 shadow-lg"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function MenuItem({ className, danger, ...rest }: ComponentProps<typeof Radix.Item> & { danger?: boolean }) {
  return <Radix.Item className={cn(itemStyle, danger && "text-danger data-[highlighted]:bg-danger-soft", className)} {...rest} />;
}

export function MenuLabel({ className, ...rest }: ComponentProps<typeof Radix.Label>) {
  return <Radix.Label className={cn("px-2.5 pt-2 pb-1 text-xs font-medium text-ink-muted", className)} {...rest} />;
}

export function MenuSeparator() {
  return <Radix.Separator className="my-1.5 h-px bg-line" />;
}

export function MenuChoices<T extends string>({ value, onChange, choices }: { value: T; onChange: (value: T) => void; choices: readonly { value: T; label: ReactNode }[] }) {
  return (
    <Radix.RadioGroup value={value} onValueChange={(chosen) => onChange(chosen as T)}>
      {choices.map((choice) => (
        <Radix.RadioItem key={choice.value} value={choice.value} className={itemStyle} onSelect={(event) => event.preventDefault()}>
          <span className="flex-1">{choice.label}</span>
          <Radix.ItemIndicator>
            <Check aria-hidden className="text-accent" />
          </Radix.ItemIndicator>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}
