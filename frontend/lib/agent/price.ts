import type { Schemas } from "../api/client";

export type Price = Schemas["Rupees"];
export const PRICE_KINDS = ["none", "exactly", "from", "range"] as const;
export type PriceKind = (typeof PRICE_KINDS)[number];

export function priceKind(price: Price | null): PriceKind {
  if (!price) return "none";
  if (typeof price.exactly === "number") return "exactly";
  return typeof price.to === "number" ? "range" : "from";
}

/** The same amount in another form. */
export function priceOfKind(kind: PriceKind, price: Price | null): Price | null {
  const amount = price?.exactly ?? price?.from ?? 0;
  if (kind === "none") return null;
  if (kind === "exactly") return { exactly: amount };
  return kind === "from" ? { from: amount } : { from: amount, to: price?.to ?? amount };
}
