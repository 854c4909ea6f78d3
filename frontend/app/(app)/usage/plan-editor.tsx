"use client";

import { z } from "zod/mini";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { useSavePlan } from "@/lib/data/usage";
import { useForm } from "@/lib/form";
import { useStrings } from "@/lib/strings";
import { paiseIn, type Plan } from "@/lib/usage/month";

/** What a bound looks like in a field. */
const rupees = (paise: number | null | undefined) => (typeof paise === "number" ? String(paise / 100) : "");
const count = (minutes: number | null | undefined) => (typeof minutes === "number" ? String(minutes) : "");

export default function PlanEditor({ plan, onClose }: { plan: Plan; onClose: () => void }) {
  const { usage: words, common } = useStrings();
  const save = useSavePlan();
  const money = z.string().check(z.refine((text) => !Number.isNaN(paiseIn(text)), words.amountWrong));
  const minutes = z.string().check(z.regex(/^\s*\d*\s*$/, words.countWrong));
  const bound = (text: string) => (text.trim() === "" ? null : Number(text));
  const form = useForm({
    schema: z.object({
      monthly_fee_paise: money,
      included_minutes: minutes,
      extra_minute_paise: money,
      soft_ceiling_minutes: minutes,
      soft_ceiling_paise: money,
      hard_ceiling_minutes: minutes,
      hard_ceiling_paise: money,
      gstin: z.string(),
      place_of_supply: z.string(),
    }),
    send: (value) =>
      save.mutateAsync({
        monthly_fee_paise: paiseIn(value.monthly_fee_paise) ?? 0,
        included_minutes: bound(value.included_minutes) ?? 0,
        extra_minute_paise: paiseIn(value.extra_minute_paise) ?? 0,
        soft_ceiling_minutes: bound(value.soft_ceiling_minutes),
        soft_ceiling_paise: paiseIn(value.soft_ceiling_paise),
        hard_ceiling_minutes: bound(value.hard_ceiling_minutes),
        hard_ceiling_paise: paiseIn(value.hard_ceiling_paise),
        gstin: value.gstin.trim() || null,
        place_of_supply: value.place_of_supply.trim() || null,
      }),
    onDone: () => {
      toast({ title: words.planSaved });
      onClose();
    },
  });
  const field = (name: keyof Plan, label: string, value: string, hint: string) => <TextField label={label} hint={hint} name={name} inputMode="decimal" autoComplete="off" defaultValue={value} error={form.errors[name]} />;
  return (
    <Dialog open onOpenChange={onClose} title={words.planTitle} description={words.planLead} className="max-w-2xl">
      <form {...form.props} className="grid gap-4 sm:grid-cols-2">
        {field("monthly_fee_paise", words.planOf.fee, rupees(plan.monthly_fee_paise ?? 0), words.withoutTax)}
        {field("included_minutes", words.planOf.included, count(plan.included_minutes ?? 0), "")}
        {field("extra_minute_paise", words.planOf.extra, rupees(plan.extra_minute_paise ?? 0), words.withoutTax)}
        <span className="hidden sm:block" />
        {field("soft_ceiling_minutes", words.softMinutes, count(plan.soft_ceiling_minutes), words.noCeilingHint)}
        {field("soft_ceiling_paise", words.softPaise, rupees(plan.soft_ceiling_paise), words.noCeilingHint)}
        {field("hard_ceiling_minutes", words.hardMinutes, count(plan.hard_ceiling_minutes), words.noCeilingHint)}
        {field("hard_ceiling_paise", words.hardPaise, rupees(plan.hard_ceiling_paise), words.noCeilingHint)}
        <TextField label={words.planOf.gstin} hint={words.gstinHint} name="gstin" autoComplete="off" defaultValue={plan.gstin ?? ""} error={form.errors.gstin} />
        <TextField label={words.planOf.place} hint={words.placeHint} name="place_of_supply" inputMode="numeric" autoComplete="off" defaultValue={plan.place_of_supply ?? ""} error={form.errors.place_of_supply} />
        <ProblemNote error={form.failure} className="sm:col-span-2" />
        <div className="flex justify-end gap-2 sm:col-span-2">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="primary" pending={form.pending}>
            {common.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
