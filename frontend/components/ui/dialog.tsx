"use client";

import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "./button";
import { isolate } from "./isolate";
import { cn } from "@/lib/cn";
import { useStrings } from "@/lib/strings";

/**
 * Radix's own overlay locks the page's scrolling through a style element that it adds, which the content security policy
 * forbids; globals.css locks it through `data-modal` instead.
 */
function Backdrop({ open }: { open: boolean }) {
  return open ? <div aria-hidden className="fixed inset-0 z-40 animate-in bg-black/45" /> : null;
}

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  children?: ReactNode;
  className?: string;
}

export function Dialog({ open, onOpenChange, title, description, children, className }: DialogProps) {
  const { common } = useStrings();
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Backdrop open={open} />
        <Radix.Content
          ref={isolate}
          data-modal
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cn(
            "fixed inset-x-3 bottom-3 z-50 mx-auto max-h-[calc(100dvh-1.5rem)] max-w-lg animate-in-up overflow-y-auto rounded-2xl border border-line bg-raised p-5 shadow-xl sm:top-[12dvh] sm:bottom-auto sm:max-h-[76dvh]",
            className,
          )}
        >
          <div className="mb-4 flex items-start justify-between gap-4">
            <div className="grid gap-1">
              <Radix.Title className="text-lg leading-snug font-semibold">{title}</Radix.Title>
              {description ? <Radix.Description className="text-ink-muted">{description}</Radix.Description> : null}
            </div>
            <Radix.Close asChild>
              <Button variant="ghost" size="icon-sm" aria-label={common.close}>
                <X aria-hidden />
              </Button>
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** A panel from the left edge: the menu on a phone. */
export function Sheet({ open, onOpenChange, title, children, className }: DialogProps) {
  const { common } = useStrings();
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Backdrop open={open} />
        <Radix.Content
          ref={isolate}
          data-modal
          aria-describedby={undefined}
          className={cn(
            "fixed inset-y-0 left-0 z-50 flex w-[min(20rem,86vw)] animate-in-left flex-col overflow-y-auto border-r border-line bg-surface p-3 shadow-xl",
            className,
          )}
        >
          <div className="mb-2 flex items-center justify-between pl-2">
            <Radix.Title className="font-semibold">{title}</Radix.Title>
            <Radix.Close asChild>
              <Button variant="ghost" size="icon" aria-label={common.close}>
                <X aria-hidden />
              </Button>
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
