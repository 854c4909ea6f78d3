"use client";

import { createContext, type ReactNode, useContext } from "react";

import { core } from "./en/core";
import type { Strings } from "./types";

export type { Strings } from "./types";

/** Languages with a catalogue. */
export type Language = "en";

/** Texts that a page brings along: see `areas/`. */
const AREAS = ["agent", "onboarding", "operator", "people", "talk", "usage"] as const;
export type Area = (typeof AREAS)[number];

type Core = Omit<Strings, Area>;

/** To add a language: `<tag>/core.ts` of type `Core` and its line here, and its area's texts in each file of `areas/`. */
const catalogues: Record<Language, Strings> = { en: open(core) };

/** A catalogue whose areas are added later, and which says what is missing when one is used before. */
function open(texts: Core): Strings {
  const missing = (area: Area) => ({
    configurable: true,
    enumerable: false,
    get: (): never => {
      throw new Error(`no texts of "${area}": the page's first client component has to import "@/lib/strings/areas/${area}"`);
    },
  });
  const catalogue = { ...texts };
  for (const area of AREAS) Object.defineProperty(catalogue, area, missing(area));
  return catalogue as Strings;
}

/** Takes an area's texts in, for every language. */
export function addArea<A extends Area>(area: A, texts: Record<Language, Strings[A]>): void {
  for (const language of Object.keys(texts) as Language[]) {
    Object.defineProperty(catalogues[language], area, { value: texts[language], configurable: true, enumerable: true });
  }
}

const Catalogue = createContext<Strings>(catalogues.en);

export function StringsProvider({ language = "en", children }: { language?: Language; children: ReactNode }) {
  return <Catalogue.Provider value={catalogues[language]}>{children}</Catalogue.Provider>;
}

export function useStrings(): Strings {
  return useContext(Catalogue);
}
