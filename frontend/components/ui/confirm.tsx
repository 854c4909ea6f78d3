"use client";

import * as Radix from "@radix-ui/react-alert-dialog";
import type { ReactNode } from "react";

import { Button } from "./button";
import { isolate } from "./isolate";
import { useStrings } from "@/lib/strings";

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description: ReactNode;
  /** What the button that does it says: a verb, never "OK". */
  action: string;
  onConfirm: () => void;
  pending?: boolean;
  danger?: boolean;
  children?: ReactNode;
}

/** Asks before something that cannot be taken back. It begins with the focus on the way out. */
export function Confirm({ open, onOpenChange, title, description, action, onConfirm, pending, danger = true, children }: ConfirmProps) {
  const { common } = useStrings();
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        {open ? <div aria-hidden className="fixed inset-0 z-40 animate-in bg-black/45" /> : null}
        <Radix.Content
          ref={isolate}
          data-modal
          className="fixed inset-x-3 bottom-3 z-50 mx-auto max-w-md animate-in-up rounded-2xl border border-line bg-raised p-5 shadow-xl sm:top-[18dvh] sm:bottom-auto"
        >
          <Radix.Title className="text-lg leading-snug font-semibold">{title}</Radix.Title>
          <Radix.Description className="mt-1.5 text-ink-muted">{description}</Radix.Description>
          {children}
          <div className="mt-5 flex flex-wrap justify-end gap-2">
            <Radix.Cancel asChild>
              <Button>{common.cancel}</Button>
            </Radix.Cancel>
            <Button variant={danger ? "danger" : "primary"} pending={pending} onClick={onConfirm}>
              {action}
            </Button>
          </div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
