"use client";

import { z } from "zod/mini";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { type Tenant, useTenantAction } from "@/lib/data/tenants";
import { useForm } from "@/lib/form";
import { useStrings } from "@/lib/strings";

export default function TenantEditor({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const { operator, common } = useStrings();
  const words = operator.tenants;
  const action = useTenantAction();
  const form = useForm({
    schema: z.object({
      name: z.string().check(z.trim(), z.minLength(1, common.required), z.maxLength(120)),
      max_calls: z.string().check(z.trim(), z.regex(/^\d{1,5}$/, common.required)),
    }),
    send: ({ name, max_calls }) => action.mutateAsync({ id: tenant.id, action: { name, max_calls: Number(max_calls) } }),
    onDone: () => {
      toast({ title: words.saved });
      onClose();
    },
  });
  return (
    <Dialog open onOpenChange={onClose} title={words.editTitle(tenant.name)}>
      <form {...form.props} className="grid gap-4">
        <TextField label={operator.name} name="name" defaultValue={tenant.name} error={form.errors.name} />
        <TextField label={words.maxCalls} name="max_calls" inputMode="numeric" defaultValue={tenant.max_calls} error={form.errors.max_calls} />
        <ProblemNote error={form.failure} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="primary" pending={form.pending}>
            {common.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
