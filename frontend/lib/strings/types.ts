import type { en } from "./en";

/** Every text of the dashboard. Another language is another value of this type: what it lacks does not compile. */
export type Strings = Widen<typeof en>;

/** Literal texts of the English catalogue are any text in another one. */
type Widen<T> = T extends string
  ? string
  : T extends (...args: infer A) => unknown
    ? (...args: A) => string
    : { [K in keyof T]: Widen<T[K]> };
