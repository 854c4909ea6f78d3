/**
 * A person's choices on this browser. Never a credential: whoever can run a script here can read them.
 *
 * Storage may be forbidden (private windows, policies); a choice then lasts as long as the page.
 */

export type Preference = "vca.theme" | "vca.tenant" | "vca.playback";

const unsaved = new Map<Preference, string>();

export function readPreference(name: Preference): string | null {
  try {
    return window.localStorage.getItem(name);
  } catch {
    return unsaved.get(name) ?? null;
  }
}

export function writePreference(name: Preference, value: string | null): void {
  try {
    if (value === null) window.localStorage.removeItem(name);
    else window.localStorage.setItem(name, value);
  } catch {
    if (value === null) unsaved.delete(name);
    else unsaved.set(name, value);
  }
}
