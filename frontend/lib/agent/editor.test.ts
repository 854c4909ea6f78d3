import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ProblemError } from "../api/problem";
import type { Profile, ProfileDraft } from "./draft";
import { AGAIN_MS, Editor, PAUSE_MS } from "./editor";

const profile: Profile = { business_name: "Clinic", greeting: null, visit_word: "appointment" };
const draft = (revision: number, change: Partial<Profile> = {}): ProfileDraft => ({ id: "prof_1", revision, draft: { ...profile, ...change } });
const problem = (status: number, errors: { field: string; message: string }[] = []) => new ProblemError({ type: "", title: "", status, detail: "", errors });

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A server that keeps one draft and refuses what was made of an older one. */
function backend(stored: ProfileDraft) {
  const save = vi.fn(async (base: ProfileDraft, patch: object) => {
    if (base.revision !== stored.revision) throw problem(412);
    stored = draft(stored.revision + 1, { ...stored.draft, ...patch });
    return stored;
  });
  return { save, load: vi.fn(async () => stored), put: (value: ProfileDraft) => (stored = value) };
}

describe("a draft that saves itself", () => {
  it("sends only the change, once typing pauses", async () => {
    const server = backend(draft(1));
    const editor = new Editor(draft(1), { backend: server });
    editor.change({ greeting: "Nama" });
    await vi.advanceTimersByTimeAsync(PAUSE_MS - 1);
    editor.change({ greeting: "Namaste" });
    expect(editor.snapshot().status).toBe("dirty");
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(server.save.mock.calls.map(([, patch]) => patch)).toEqual([{ greeting: "Namaste" }]);
    expect(editor.snapshot().status).toBe("saved");
    expect(editor.snapshot().base.revision).toBe(2);
  });

  it("keeps what is typed while it is being saved, and saves that after it", async () => {
    const server = backend(draft(1));
    let release = () => {};
    server.save.mockImplementationOnce(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      const saved = draft(2, { greeting: "One" });
      server.put(saved);
      return saved;
    });
    const editor = new Editor(draft(1), { backend: server });
    editor.change({ greeting: "One" });
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    editor.change({ greeting: "Two" });
    release();
    await vi.advanceTimersByTimeAsync(PAUSE_MS * 2);
    expect(editor.snapshot()).toMatchObject({ status: "saved", draft: { greeting: "Two" } });
    expect(server.save).toHaveBeenCalledTimes(2);
  });

  it("says which fields were refused, and tries again when the server was not reached", async () => {
    const server = backend(draft(1));
    server.save.mockRejectedValueOnce(problem(422, [{ field: "visit_word", message: "is missing" }])).mockRejectedValueOnce(problem(0));
    const editor = new Editor(draft(1), { backend: server });
    editor.change({ visit_word: "" });
    await editor.save();
    expect(editor.snapshot()).toMatchObject({ status: "invalid", errors: { visit_word: "is missing" }, draft: { visit_word: "" } });
    editor.change({ visit_word: "booking" });
    await editor.save();
    expect(editor.snapshot().status).toBe("offline");
    await vi.advanceTimersByTimeAsync(AGAIN_MS);
    expect(editor.snapshot().status).toBe("saved");
  });

  it("does not send what is not sound", async () => {
    const server = backend(draft(1));
    const editor = new Editor(draft(1), { backend: server, sound: () => false });
    editor.change({ greeting: "x" });
    await editor.save();
    expect(editor.snapshot().status).toBe("invalid");
    expect(server.save).not.toHaveBeenCalled();
  });
});

describe("when somebody else was faster", () => {
  it("both changes are kept where they are about different fields", async () => {
    const server = backend(draft(2, { landmark: "opposite the mall" }));
    const onMerged = vi.fn();
    const editor = new Editor(draft(1), { backend: server, onMerged });
    editor.change({ greeting: "Namaste" });
    await editor.save();
    await vi.advanceTimersByTimeAsync(0);
    expect(onMerged).toHaveBeenCalledOnce();
    expect(editor.snapshot()).toMatchObject({ status: "saved", draft: { greeting: "Namaste", landmark: "opposite the mall" }, base: { revision: 3 } });
  });

  it.each([
    [new Set<number>(), "Mine"],
    [new Set([0]), "Theirs"],
  ])("a choice is asked for where both changed the same, and nothing is saved before it", async (theirs, greeting) => {
    const server = backend(draft(2, { greeting: "Theirs" }));
    const editor = new Editor(draft(1), { backend: server });
    editor.change({ greeting: "Mine" });
    await editor.save();
    expect(editor.snapshot()).toMatchObject({ status: "conflict", conflicts: [{ path: ["greeting"], mine: "Mine", theirs: "Theirs" }] });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.save).toHaveBeenCalledTimes(1);
    editor.resolve(theirs);
    await vi.advanceTimersByTimeAsync(0);
    expect(editor.snapshot()).toMatchObject({ status: "saved", draft: { greeting } });
    expect((await server.load()).draft.greeting).toBe(greeting);
  });
});

describe("a newer draft from the server", () => {
  it("is shown where nothing here would be lost, and only there", () => {
    const editor = new Editor(draft(1), { backend: backend(draft(1)) });
    editor.renew(draft(2, { greeting: "New" }));
    expect(editor.snapshot().draft.greeting).toBe("New");
    editor.change({ greeting: "Mine" });
    editor.renew(draft(3, { greeting: "Newer" }));
    expect(editor.snapshot().draft.greeting).toBe("Mine");
  });
});
