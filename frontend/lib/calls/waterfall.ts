import type { Schemas } from "../api/client";

export type Waterfall = Schemas["Waterfall"];
export type Step = "endpoint" | "stt" | "llm" | "dialogue" | "tts" | "packet";

export interface Segment {
  step: Step;
  /** Milliseconds after the caller's last voiced frame. */
  from: number;
  to: number;
}

/**
 * The steps of a turn, each from the end of the one before to its own end; steps that were not taken are left out. A
 * language model is asked what the caller wants before the receptionist decides, or how to say it after that.
 */
export function segments(waterfall: Waterfall): Segment[] {
  const llm = waterfall.llm_first_token_ms ?? null;
  const dialogue = waterfall.dialogue_ms ?? 0;
  const before = llm !== null && llm < dialogue;
  const ends: [Step, number | null | undefined][] = [
    ["endpoint", waterfall.endpoint_ms ?? 0],
    ["stt", waterfall.stt_ms],
    ["llm", before ? llm : null],
    ["dialogue", dialogue],
    ["llm", before ? null : llm],
    ["tts", waterfall.tts_first_byte_ms ?? 0],
    ["packet", waterfall.first_packet_ms ?? 0],
  ];
  const found: Segment[] = [];
  let from = 0;
  for (const [step, end] of ends) {
    if (end === null || end === undefined) continue;
    const to = Math.max(from, end);
    if (to > from) found.push({ step, from, to });
    from = to;
  }
  return found;
}

/** When the caller heard something again: the filler or the answer, whichever came first. */
export function responseMs(waterfall: Waterfall): number {
  const answer = waterfall.first_packet_ms ?? 0;
  return waterfall.filler_ms === null || waterfall.filler_ms === undefined ? answer : Math.min(answer, waterfall.filler_ms);
}

/** The end of a common scale for several waterfalls: a round figure at or above the longest. */
export function scaleEnd(waterfalls: readonly Waterfall[]): number {
  const longest = Math.max(0, ...waterfalls.map((waterfall) => waterfall.first_packet_ms ?? 0));
  const step = longest <= 1000 ? 250 : longest <= 4000 ? 500 : 2000;
  return Math.max(step, Math.ceil(longest / step) * step);
}

/** Where a segment lies on a scale, in percent. */
export function place(segment: Segment, end: number): { left: number; width: number } {
  return { left: (segment.from / end) * 100, width: ((segment.to - segment.from) / end) * 100 };
}

/** The figure below which `share` of the values lie; the nearest rank, so that it is one that was measured. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
