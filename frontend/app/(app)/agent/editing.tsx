"use client";

import { Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";

import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/field";
import { toast } from "@/components/ui/toast";
import type { Profile } from "@/lib/agent/draft";
import { useStrings } from "@/lib/strings";

/** What every part of the editor gets. */
export interface SectionProps {
  draft: Profile;
  errors: Readonly<Record<string, string>>;
  change: (part: Partial<Profile>) => void;
  writable: boolean;
}

/** A list in one field, separated by commas. While it is typed, what stands there stays as it was typed. */
export function ListField({ label, hint, error, value, onChange, className }: { label: ReactNode; hint?: ReactNode; error?: string; value: readonly string[]; onChange: (value: string[]) => void; className?: string }) {
  const [text, setText] = useState(() => value.join(", "));
  const split = (typed: string) => typed.split(",").map((word) => word.trim()).filter(Boolean);
  const shown = split(text).join() === value.join() ? text : value.join(", ");
  return (
    <TextField
      {...{ label, hint, error, className }}
      value={shown}
      onChange={(event) => {
        setText(event.target.value);
        onChange(split(event.target.value));
      }}
    />
  );
}

/** The button that takes a row away at once, and offers to bring it back. */
export function RemoveRow({ what, onRemove, onUndo }: { what: string; onRemove: () => void; onUndo: () => void }) {
  const { agent: words, common } = useStrings();
  return (
    <Button
      variant="ghost"
      size="icon"
      aria-label={words.removeRow(what)}
      onClick={() => {
        onRemove();
        toast({ title: words.removed(what), action: { label: common.undo, run: onUndo } });
      }}
    >
      <Trash2 aria-hidden />
    </Button>
  );
}

/** `rows` with the one at `index` changed. */
export function withRow<T>(rows: readonly T[], index: number, part: Partial<T>): T[] {
  return rows.map((row, at) => (at === index ? { ...row, ...part } : row));
}
