import { fieldErrors, problemOf } from "../api/problem";
import { type Conflict, merge, mergePatch, type Profile, type ProfileDraft, same, sendable, withField } from "./draft";

export type SaveStatus = "saved" | "dirty" | "saving" | "invalid" | "offline" | "conflict" | "failed";

export interface EditorState {
  /** What the server has, as far as is known here. */
  base: ProfileDraft;
  /** What is on the screen. */
  draft: Profile;
  status: SaveStatus;
  errors: Readonly<Record<string, string>>;
  failure: unknown;
  conflicts: readonly Conflict[];
}

export interface Backend {
  load: (id: string) => Promise<ProfileDraft>;
  save: (base: ProfileDraft, patch: object) => Promise<ProfileDraft>;
}

interface Options {
  backend: Backend;
  /** Told of each draft that was saved. */
  onSaved?: (saved: ProfileDraft) => void;
  /** Somebody else's change was joined with ours. */
  onMerged?: () => void;
  /** Whether what is on the screen may be sent: an opening that ends before it begins may not. */
  sound?: (draft: Profile) => boolean;
}

/** Time without typing after which is saved, and after which is tried again when the server was not reached. */
export const PAUSE_MS = 1000;
export const AGAIN_MS = 5000;

/**
 * A draft that saves itself. Saving changes nothing that callers hear, so it asks nobody. It lives longer than the page: who
 * goes elsewhere with something that could not be saved finds it again.
 */
export class Editor {
  private state: EditorState;
  /** What of the screen the server has: its own form may be another one, such as a number in E.164. */
  private kept: Profile;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(
    base: ProfileDraft,
    private options: Options,
  ) {
    this.kept = base.draft;
    this.state = { base, draft: base.draft, status: "saved", errors: {}, failure: null, conflicts: [] };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): EditorState => this.state;

  use(options: Options): void {
    this.options = options;
  }

  get unsaved(): boolean {
    return this.state.status !== "saved";
  }

  private set(change: Partial<EditorState>): void {
    this.state = { ...this.state, ...change };
    this.listeners.forEach((listener) => listener());
  }

  /** A newer draft from the server, where there is nothing here that it lacks. */
  renew(base: ProfileDraft): void {
    if (this.unsaved || this.running || base.revision < this.state.base.revision) return;
    if (base.revision === this.state.base.revision && base.published_version === this.state.base.published_version) return;
    this.kept = base.draft;
    this.set({ base, draft: base.draft });
  }

  change(part: Partial<Profile>): void {
    this.set({ draft: { ...this.state.draft, ...part }, ...(this.state.status === "conflict" ? {} : { status: "dirty" as const }) });
    this.schedule(PAUSE_MS);
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save(), ms);
  }

  /** Saves what is not saved, now. Resolves when that was tried; `unsaved` says how it went. */
  async save(): Promise<void> {
    clearTimeout(this.timer);
    while (this.running) await this.running;
    if (!this.unsaved || this.state.status === "conflict") return;
    this.running = this.attempt().finally(() => (this.running = null));
    await this.running;
  }

  private async attempt(): Promise<void> {
    const { base, draft } = this.state;
    if (this.options.sound && !this.options.sound(draft)) return this.set({ status: "invalid", errors: {}, failure: null });
    const sent = sendable(draft);
    const patch = mergePatch(sendable(this.kept) as never, sent as never);
    if (same(patch, {})) return this.done(base, sent, draft);
    this.set({ status: "saving" });
    try {
      const saved = await this.options.backend.save(base, patch);
      this.options.onSaved?.(saved);
      this.done(saved, sent, draft);
    } catch (error) {
      await this.failed(error);
    }
  }

  private done(base: ProfileDraft, sent: Profile, draft: Profile): void {
    this.kept = sent;
    const current = this.state.draft === draft;
    this.set({ base, errors: {}, failure: null, status: current ? "saved" : "dirty" });
    if (!current) this.schedule(PAUSE_MS);
  }

  private async failed(error: unknown): Promise<void> {
    const { status } = problemOf(error);
    if (status === 412) return this.join();
    if (status === 0 || status >= 500 || status === 429) {
      this.set({ status: "offline", failure: error });
      return this.schedule(AGAIN_MS);
    }
    this.set({ status: status === 422 ? "invalid" : "failed", errors: fieldErrors(error), failure: error });
  }

  /** Somebody else was faster: takes his change in, and asks where both changed the same. */
  private async join(): Promise<void> {
    let base: ProfileDraft;
    try {
      base = await this.options.backend.load(this.state.base.id);
    } catch (error) {
      this.set({ status: "offline", failure: error });
      return this.schedule(AGAIN_MS);
    }
    const { merged, conflicts } = merge(sendable(this.kept) as never, sendable(this.state.draft) as never, base.draft as never);
    this.kept = base.draft;
    const draft = merged as unknown as Profile;
    if (conflicts.length > 0) return this.set({ base, draft, conflicts, status: "conflict" });
    this.set({ base, draft, status: "dirty" });
    this.options.onMerged?.();
    this.schedule(0);
  }

  /** Settles the conflicts: those at `theirs` (their places in the list) are taken from the other person. */
  resolve(theirs: ReadonlySet<number>): void {
    let draft = this.state.draft as unknown as Record<string, unknown>;
    this.state.conflicts.forEach((conflict, index) => {
      if (theirs.has(index)) draft = withField(draft, conflict.path, conflict.theirs);
    });
    this.set({ draft: draft as unknown as Profile, conflicts: [], status: "dirty" });
    this.schedule(0);
  }
}
