"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";

import { loadProfile, saveProfile } from "../data/profiles";
import type { ProfileDraft } from "./draft";
import { Editor, type EditorState } from "./editor";
import { hoursFaulty } from "./hours";

/** By person and receptionist, as long as there is something that is not saved: going to another page and back loses nothing. */
const editors = new Map<string, Editor>();
let guarded = false;

/** The browser asks before it closes on what is not saved, also from another page. */
function guard(): void {
  if (guarded) return;
  guarded = true;
  window.addEventListener("beforeunload", (event) => {
    if ([...editors.values()].some((editor) => editor.unsaved)) event.preventDefault();
  });
}

/** The editor of a receptionist's draft. */
export function useEditor(profile: ProfileDraft, person: string, onMerged: () => void): [EditorState, Editor] {
  const client = useQueryClient();
  const key = `${person} ${profile.id}`;
  const options = {
    backend: { load: loadProfile, save: saveProfile },
    onSaved: (saved: ProfileDraft) => client.setQueryData(["profiles", "one", saved.id], saved),
    onMerged,
    sound: (draft: ProfileDraft["draft"]) => !hoursFaulty(draft.hours) && !(draft.transfers?.targets ?? []).some((target) => hoursFaulty(target.hours)),
  };
  const [editor] = useState(() => editors.get(key) ?? new Editor(profile, options));
  const state = useSyncExternalStore(editor.subscribe, editor.snapshot, editor.snapshot);

  useEffect(() => editor.renew(profile), [editor, profile]);

  useEffect(() => {
    editors.set(key, editor);
    guard();
    return () => {
      void editor.save().finally(() => {
        if (!editor.unsaved && editors.get(key) === editor) editors.delete(key);
      });
    };
  }, [editor, key]);

  return [state, editor];
}
