"use client";

import "@/lib/strings/areas/usage";

import { useEffect, useState } from "react";

import { CallerNotice, OwnerNotice } from "./notice-fields";
import { QueryView } from "@/components/query-view";
import { Button } from "@/components/ui/button";
import { Section } from "@/components/ui/card";
import { Page } from "@/components/ui/page";
import { ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { same } from "@/lib/agent/draft";
import { useNotifications, useSaveNotifications } from "@/lib/data/notifications";
import { useForm } from "@/lib/form";
import { fromSettings, type NoticeForm, noticeErrors, noticeSchema, type Settings, toSettings } from "@/lib/notices/form";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Notifications() {
  const { usage } = useStrings();
  const words = usage.notices;
  const query = useNotifications();
  return (
    <Page title={words.title} lead={words.lead} width="narrow">
      <QueryView query={query} isEmpty={() => false} empty={null} rows={4}>
        {(settings) => <Form key={JSON.stringify(settings)} settings={settings} />}
      </QueryView>
    </Page>
  );
}

function Form({ settings }: { settings: Settings }) {
  const strings = useStrings();
  const { usage, common } = strings;
  const words = usage.notices;
  const { can } = useSession();
  const writable = can("messages:write");
  const [form, setForm] = useState<NoticeForm>(() => fromSettings(settings));
  const save = useSaveNotifications();
  const sending = useForm({
    schema: noticeSchema(strings, form.caller),
    send: () => save.mutateAsync(toSettings(form)),
    onDone: () => toast({ title: words.saved }),
  });
  const changed = !same(toSettings(form), toSettings(fromSettings(settings)));
  useEffect(() => {
    if (!changed) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [changed]);

  const errors = { ...noticeErrors(sending.errors), ...(sending.errors as Partial<Record<keyof NoticeForm, string>>) };
  const fields = { form, errors, onChange: (part: Partial<NoticeForm>) => setForm({ ...form, ...part }), writable };
  return (
    <form
      {...sending.props}
      onSubmit={(event) => {
        event.preventDefault();
        sending.submit(form);
      }}
    >
      {writable ? null : <p className="mb-3 text-ink-muted">{common.notAllowed}</p>}
      <fieldset disabled={!writable} className="grid min-w-0 gap-4">
        <legend className="sr-only">{words.title}</legend>
        <Section title={words.owner} id="notices-owner">
          <div className="p-4">
            <OwnerNotice {...fields} />
          </div>
        </Section>
        <Section title={words.caller} id="notices-caller">
          <div className="p-4">
            <CallerNotice {...fields} />
          </div>
        </Section>
        <ProblemNote error={sending.failure} />
        {writable ? (
          <div className="flex justify-end">
            <Button type="submit" variant="primary" pending={sending.pending} disabled={!changed}>
              {common.save}
            </Button>
          </div>
        ) : null}
      </fieldset>
    </form>
  );
}
