"use client";

import { Copy } from "lucide-react";
import { useState } from "react";
import { z } from "zod/mini";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { SelectField, TextField } from "@/components/ui/field";
import { ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { emailAddress } from "@/lib/credentials";
import { createInvitation, useForgetInvitations } from "@/lib/data/people";
import { useForm } from "@/lib/form";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export default function InviteDialog({ onClose }: { onClose: () => void }) {
  const strings = useStrings();
  const { people: words } = strings;
  const { tenant } = useSession();
  const forget = useForgetInvitations();
  const [made, setMade] = useState<{ email: string; link: string } | null>(null);
  const form = useForm({
    schema: z.object({ email: emailAddress(strings), role: z.enum(["platform_admin", "tenant_admin", "viewer"]) }),
    send: createInvitation,
    onDone: ({ email, token }) => {
      forget();
      // Behind `#`, so that the token stays out of logs.
      setMade({ email, link: `${window.location.origin}/invitation/#${token ?? ""}` });
    },
  });

  if (made) {
    return (
      <Dialog open onOpenChange={onClose} title={words.linkReady} description={words.linkReadyDetail(made.email)}>
        <div className="grid gap-4">
          <TextField label={words.link} readOnly value={made.link} onFocus={(event) => event.target.select()} />
          <div className="flex flex-wrap justify-end gap-2">
            <Button onClick={() => void navigator.clipboard?.writeText(made.link).then(() => toast({ title: words.copied }))}>
              <Copy aria-hidden />
              {strings.common.copy}
            </Button>
            <Button variant="primary" onClick={onClose}>
              {words.done}
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  const roles = tenant ? (["viewer", "tenant_admin"] as const) : (["platform_admin"] as const);
  return (
    <Dialog open onOpenChange={onClose} title={words.invite} description={words.inviteLead}>
      <form {...form.props} className="grid gap-5">
        <ProblemNote error={form.failure} />
        <TextField label={words.email} name="email" type="email" autoComplete="off" autoCapitalize="none" spellCheck={false} error={form.errors.email} />
        <SelectField label={words.role} name="role" error={form.errors.role}>
          {roles.map((role) => (
            <option key={role} value={role}>
              {words.roles[role]}
            </option>
          ))}
        </SelectField>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{strings.common.cancel}</Button>
          <Button type="submit" variant="primary" pending={form.pending}>
            {words.makeLink}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
