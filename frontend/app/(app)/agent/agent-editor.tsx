"use client";

import { CircleAlert, CircleCheck, CloudOff, History, LoaderCircle, MessageCircle, PencilLine } from "lucide-react";
import Link from "next/link";
import { lazy, type ReactNode, Suspense, useCallback, useState } from "react";

import { Advanced } from "./advanced";
import type { SectionProps } from "./editing";
import { HoursSection } from "./hours-section";
import { Knowledge } from "./knowledge";
import { People } from "./people";
import { Speech } from "./speech";
import { Button } from "@/components/ui/button";
import { Page } from "@/components/ui/page";
import { ProblemNote } from "@/components/ui/states";
import { Tab, TabList, TabPanel, Tabs } from "@/components/ui/tabs";
import { toast } from "@/components/ui/toast";
import { mergePatch, type ProfileDraft, same, sendable } from "@/lib/agent/draft";
import type { EditorState, SaveStatus } from "@/lib/agent/editor";
import { useEditor } from "@/lib/agent/use-editor";
import { cn } from "@/lib/cn";
import { useVersion } from "@/lib/data/profiles";
import { formatNumber } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

const PublishDialog = lazy(() => import("./publish-dialog"));
const ConflictDialog = lazy(() => import("./conflict-dialog"));

const TABS = ["speech", "hours", "knowledge", "people", "advanced"] as const;
type TabName = (typeof TABS)[number];

const PANELS: Record<TabName, (props: SectionProps) => ReactNode> = { speech: Speech, hours: HoursSection, knowledge: Knowledge, people: People, advanced: Advanced };

/** The fields of each part, to lead to where something is wrong. */
const PART: [TabName, RegExp][] = [
  ["hours", /^(hours|holidays)\b/],
  ["knowledge", /^(knowledge|address|landmark)\b/],
  ["people", /^(transfers|emergency_transfers_only)\b/],
  ["advanced", /^(turns|speech|time_zone)\b/],
];

function partOf(field: string): TabName {
  return PART.find(([, fields]) => fields.test(field))?.[0] ?? "speech";
}

export function AgentEditor({ profile, choose }: { profile: ProfileDraft; choose: ReactNode }) {
  const { agent: words, common } = useStrings();
  const { me, can } = useSession();
  const writable = can("profiles:write");
  const merged = useCallback(() => toast({ title: words.save.merged }), [words]);
  const [state, editor] = useEditor(profile, me.user?.id ?? "", merged);
  const [publishing, setPublishing] = useState(false);
  const published = useVersion(profile.id, state.base.published_version ?? null);
  const different = published.data ? !same(mergePatch(sendable(published.data.profile) as never, sendable(state.draft) as never), {}) : false;
  const parts = new Set(Object.keys(state.errors).map(partOf));

  const publish = async () => {
    await editor.save();
    if (!editor.unsaved) setPublishing(true);
  };

  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={
        <>
          <Button asChild>
            <Link href={`/agent/versions/?id=${profile.id}`}>
              <History aria-hidden />
              {words.versions}
            </Link>
          </Button>
          <Button asChild>
            <Link href={`/talk/?id=${profile.id}`}>
              <MessageCircle aria-hidden />
              {words.talk}
            </Link>
          </Button>
        </>
      }
    >
      {choose}
      <div className="sticky top-14 z-20 -mx-4 mb-2 flex items-center justify-between gap-3 border-b border-line bg-canvas px-4 py-2.5 sm:-mx-6 sm:px-6 md:top-0">
        <div className="min-w-0">
          <Status state={state} onSave={() => void editor.save()} writable={writable} />
          <p className="text-sm text-ink-muted">{publishedLine(state.base, different, words)}</p>
        </div>
        {writable ? (
          <Button variant="primary" disabled={state.status === "invalid" || state.status === "conflict"} pending={state.status === "saving"} onClick={() => void publish()}>
            {words.publish}
          </Button>
        ) : null}
      </div>
      {state.status === "failed" ? <ProblemNote error={state.failure} className="mb-4" /> : null}
      {state.status === "invalid" && state.failure && Object.keys(state.errors).length === 0 ? <ProblemNote error={state.failure} className="mb-4" /> : null}
      {writable ? null : <p className="mb-3 text-ink-muted">{common.notAllowed}</p>}

      <Tabs defaultValue="speech">
        <TabList aria-label={words.title}>
          {TABS.map((tab) => (
            <Tab key={tab} value={tab}>
              {words.tabs[tab]}
              {parts.has(tab) ? (
                <>
                  <span aria-hidden className="ml-1.5 inline-block size-2 rounded-full bg-danger-solid" />
                  <span className="sr-only"> ({common.errors.fields})</span>
                </>
              ) : null}
            </Tab>
          ))}
        </TabList>
        {TABS.map((tab) => {
          const Panel = PANELS[tab];
          return (
            <TabPanel key={tab} value={tab}>
              <fieldset disabled={!writable} className="grid min-w-0 grid-cols-1 gap-4">
                <legend className="sr-only">{words.tabs[tab]}</legend>
                <Panel draft={state.draft} errors={state.errors} change={(part) => editor.change(part)} writable={writable} />
              </fieldset>
            </TabPanel>
          );
        })}
      </Tabs>

      <Suspense>
        {publishing ? <PublishDialog draft={state.base} published={published.data?.profile ?? null} onClose={() => setPublishing(false)} /> : null}
        {state.status === "conflict" ? <ConflictDialog conflicts={state.conflicts} onResolve={(theirs) => editor.resolve(theirs)} /> : null}
      </Suspense>
    </Page>
  );
}

function publishedLine(base: ProfileDraft, different: boolean, words: ReturnType<typeof useStrings>["agent"]): string {
  const version = base.published_version;
  if (version === null || version === undefined) return words.state.never;
  return (different ? words.state.ahead : words.state.same)(formatNumber(version));
}

const ICONS: Record<SaveStatus, typeof CircleCheck> = { saved: CircleCheck, dirty: PencilLine, saving: LoaderCircle, invalid: CircleAlert, offline: CloudOff, conflict: CircleAlert, failed: CircleAlert };

function Status({ state: { status }, onSave, writable }: { state: EditorState; onSave: () => void; writable: boolean }) {
  const { agent: words } = useStrings();
  if (!writable) return null;
  const Icon = ICONS[status];
  const bad = status === "invalid" || status === "offline" || status === "failed" || status === "conflict";
  return (
    <div className="flex flex-wrap items-center gap-x-2">
      <p role="status" className={cn("flex items-center gap-1.5 font-medium", bad ? "text-danger" : status === "saved" ? "text-success" : "text-ink")}>
        <Icon aria-hidden className={cn("size-4", status === "saving" && "animate-spin")} />
        {words.save[status]}
      </p>
      {status === "offline" || status === "failed" ? (
        <Button variant="link" size="sm" className="px-1" onClick={onSave}>
          {words.save.now}
        </Button>
      ) : null}
    </div>
  );
}
