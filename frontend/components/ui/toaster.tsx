"use client";

import * as Radix from "@radix-ui/react-toast";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";

import { Button } from "./button";
import { current, dismiss, subscribe } from "./toast";
import { useStrings } from "@/lib/strings";

export function Toaster() {
  const { common } = useStrings();
  const shown = useSyncExternalStore(subscribe, current, current);
  return (
    <Radix.Provider swipeDirection="down" label={common.product}>
      {shown.map((one) => (
        <Radix.Root
          key={one.id}
          duration={one.duration}
          type={one.tone === "danger" ? "foreground" : "background"}
          onOpenChange={(open) => {
            if (!open) dismiss(one.id, false);
          }}
          className="flex animate-in-up items-start gap-3 rounded-xl border border-line bg-raised p-3.5 shadow-lg"
        >
          {one.tone === "danger" ? (
            <CircleAlert aria-hidden className="mt-0.5 size-5 shrink-0 text-danger" />
          ) : (
            <CircleCheck aria-hidden className="mt-0.5 size-5 shrink-0 text-success" />
          )}
          <div className="min-w-0 flex-1">
            <Radix.Title className="font-medium">{one.title}</Radix.Title>
            {one.description ? <Radix.Description className="text-sm text-ink-muted">{one.description}</Radix.Description> : null}
          </div>
          {one.action ? (
            <Radix.Action altText={one.action.label} asChild>
              <Button size="sm" onClick={() => dismiss(one.id, true)}>
                {one.action.label}
              </Button>
            </Radix.Action>
          ) : null}
          <Radix.Close asChild>
            <Button variant="ghost" size="icon-sm" aria-label={common.close}>
              <X aria-hidden />
            </Button>
          </Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className="fixed inset-x-3 bottom-20 z-60 mx-auto grid max-w-md gap-2 outline-none sm:right-4 sm:left-auto sm:bottom-4 sm:w-96" />
    </Radix.Provider>
  );
}
