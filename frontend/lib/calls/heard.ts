/**
 * An agent's line that the caller interrupted, split into what was played and what was not. `heard` is made of words as
 * they were spoken, so that it may differ from the line in spacing.
 */
export function splitHeard(text: string, heard: string | null | undefined): { heard: string; unheard: string } {
  if (heard === null || heard === undefined) return { heard: text, unheard: "" };
  const played = heard.trim();
  if (played === "") return { heard: "", unheard: text };
  if (text.startsWith(played)) return { heard: played, unheard: text.slice(played.length).trimStart() };
  // As many words of the line as were heard.
  const words = text.split(/\s+/);
  const count = Math.min(words.length, played.split(/\s+/).length);
  return { heard: played, unheard: words.slice(count).join(" ") };
}
