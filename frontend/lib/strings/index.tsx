"use client";

import { createContext, type ReactNode, useContext } from "react";

import { en } from "./en";
import type { Strings } from "./types";

export type { Strings } from "./types";

/** Languages with a catalogue. To add one: `lib/strings/<tag>/index.ts` with a value of type `Strings`, and its line here. */
export const catalogues: Record<"en", Strings> = { en };

export type Language = keyof typeof catalogues;

const Catalogue = createContext<Strings>(en);

export function StringsProvider({ language = "en", children }: { language?: Language; children: ReactNode }) {
  return <Catalogue.Provider value={catalogues[language]}>{children}</Catalogue.Provider>;
}

export function useStrings(): Strings {
  return useContext(Catalogue);
}
