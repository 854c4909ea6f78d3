"use client";

import { SelectField, TextField } from "@/components/ui/field";
import { type Price, type PriceKind, priceKind, priceOfKind, PRICE_KINDS } from "@/lib/agent/price";
import { useStrings } from "@/lib/strings";

/** A price in rupees as people say it: one, from one on, or between two. */
export function PriceField({ price, error, onChange }: { price: Price | null; error?: string; onChange: (price: Price | null) => void }) {
  const { agent: words } = useStrings();
  const kind = priceKind(price);
  const amount = (value: number | null | undefined) => value ?? "";
  const rupees = (text: string) => (text === "" ? 0 : Math.max(0, Math.round(Number(text))));
  return (
    <div className="flex min-w-0 flex-wrap items-start gap-2">
      <SelectField label={words.price} error={error} className="min-w-32 flex-1 basis-32" value={kind} onChange={(event) => onChange(priceOfKind(event.target.value as PriceKind, price))}>
        {PRICE_KINDS.map((one) => (
          <option key={one} value={one}>
            {words.priceKinds[one]}
          </option>
        ))}
      </SelectField>
      {kind === "none" ? null : (
        <TextField
          label={words.priceFrom}
          className="min-w-20 flex-1 basis-20"
          type="number"
          inputMode="numeric"
          min={0}
          value={amount(kind === "exactly" ? price?.exactly : price?.from)}
          onChange={(event) => onChange(kind === "exactly" ? { exactly: rupees(event.target.value) } : { ...price, from: rupees(event.target.value) })}
        />
      )}
      {kind === "range" ? <TextField label={words.priceTo} className="min-w-20 flex-1 basis-20" type="number" inputMode="numeric" min={0} value={amount(price?.to)} onChange={(event) => onChange({ ...price, to: rupees(event.target.value) })} /> : null}
    </div>
  );
}
