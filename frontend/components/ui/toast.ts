import type { ReactNode } from "react";

export interface Toast {
  id: number;
  title: ReactNode;
  description?: ReactNode;
  tone?: "success" | "danger";
  action?: { label: string; run: () => void };
  /** Called once when it goes away without its action. */
  onGone?: () => void;
  duration: number;
}

let next = 0;
let toasts: readonly Toast[] = [];
const listeners = new Set<() => void>();

function set(value: readonly Toast[]): void {
  toasts = value;
  listeners.forEach((listener) => listener());
}

/** Tells something briefly. With an action it stays longer. */
export function toast(content: Omit<Toast, "id" | "duration"> & { duration?: number }): void {
  const id = next++;
  set([...toasts.slice(-2), { duration: content.action ? 7000 : 4500, ...content, id }]);
}

/** Takes a toast away; with `acted`, because its action was pressed. */
export function dismiss(id: number, acted: boolean): void {
  const gone = toasts.find((one) => one.id === id);
  if (!gone) return;
  set(toasts.filter((one) => one.id !== id));
  if (acted) gone.action?.run();
  else gone.onGone?.();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function current(): readonly Toast[] {
  return toasts;
}
