"use client";

import { useState } from "react";

import { useComplain } from "@/components/complain";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { TextField } from "@/components/ui/field";
import { toast } from "@/components/ui/toast";
import { type Tenant, useRemoveTenant } from "@/lib/data/tenants";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** Nothing takes more with it: the name has to be written. */
export default function TenantRemoval({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const { operator, common } = useStrings();
  const words = operator.tenants;
  const { tenant: atHand, switchTenant } = useSession();
  const complain = useComplain();
  const remove = useRemoveTenant();
  const [typed, setTyped] = useState("");
  const confirm = () =>
    remove.mutate(tenant.id, {
      onError: complain,
      onSuccess: () => {
        if (atHand === tenant.id) switchTenant(null);
        toast({ title: words.removed(tenant.name) });
        onClose();
      },
    });
  return (
    <Dialog open onOpenChange={onClose} title={words.removeTitle(tenant.name)} description={words.removeDetail}>
      <TextField label={words.removeName} autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
      <div className="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>{common.cancel}</Button>
        <Button variant="danger" disabled={typed.trim() !== tenant.name} pending={remove.isPending} onClick={confirm}>
          {words.remove}
        </Button>
      </div>
    </Dialog>
  );
}
