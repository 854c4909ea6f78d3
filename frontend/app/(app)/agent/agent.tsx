"use client";

import "@/lib/strings/areas/agent";

import { BotMessageSquare } from "lucide-react";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { z } from "zod/mini";

import { AgentEditor } from "./agent-editor";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { SelectField, TextField } from "@/components/ui/field";
import { Page } from "@/components/ui/page";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState, ProblemNote } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { createProfile, useProfiles } from "@/lib/data/profiles";
import { useForm } from "@/lib/form";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

export function Agent() {
  const { agent: words } = useStrings();
  const router = useRouter();
  const path = usePathname();
  const params = useSearchParams();
  const query = useProfiles();

  if (query.isPending) return <Waiting />;
  if (query.isError) {
    return (
      <Page title={words.title}>
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </Page>
    );
  }
  const profiles = query.data;
  const chosen = profiles.find((profile) => profile.id === params.get("id")) ?? profiles[0];
  if (!chosen) return <None onCreated={() => void query.refetch()} />;
  const choose =
    profiles.length > 1 ? (
      <SelectField label={words.choose} hideLabel value={chosen.id} onChange={(event) => router.replace(`${path}?${new URLSearchParams({ id: event.target.value })}`)} className="max-w-72">
        {profiles.map((profile) => (
          <option key={profile.id} value={profile.id}>
            {profile.draft.business_name}
          </option>
        ))}
      </SelectField>
    ) : null;
  return <AgentEditor key={chosen.id} profile={chosen} choose={choose} />;
}

function Waiting() {
  const { agent: words, common } = useStrings();
  return (
    <Page title={words.title}>
      <div aria-busy className="grid gap-4">
        <span role="status" className="sr-only">
          {common.loading}
        </span>
        <Skeleton className="h-11 rounded-xl" />
        <Skeleton className="h-64 rounded-xl" />
        <Skeleton className="h-48 rounded-xl" />
      </div>
    </Page>
  );
}

function None({ onCreated }: { onCreated: () => void }) {
  const { agent: words, common } = useStrings();
  const { can } = useSession();
  const form = useForm({
    schema: z.object({ business_name: z.string().check(z.trim(), z.minLength(1, common.required), z.maxLength(120)) }),
    send: ({ business_name }) => createProfile({ business_name }),
    onDone: () => {
      toast({ title: words.created });
      onCreated();
    },
  });
  return (
    <Page title={words.title} width="narrow">
      <Card className="pb-8">
        <EmptyState icon={BotMessageSquare} title={words.empty} description={words.emptyDetail} className="pb-6" />
        {can("profiles:write") ? (
          <form {...form.props} className="mx-auto grid max-w-sm gap-4 px-6">
            <TextField label={words.createName} name="business_name" error={form.errors.business_name} autoComplete="organization" />
            <ProblemNote error={form.failure} />
            <Button type="submit" variant="primary" pending={form.pending}>
              {words.create}
            </Button>
          </form>
        ) : null}
      </Card>
    </Page>
  );
}
