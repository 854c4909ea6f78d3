/** The largest amplitude in each of `count` equal pieces of a channel, from 0 to 1. */
export function peaks(samples: Float32Array, count: number): Float32Array {
  const found = new Float32Array(count);
  if (samples.length === 0) return found;
  for (let piece = 0; piece < count; piece++) {
    const start = Math.floor((piece * samples.length) / count);
    const end = Math.max(start + 1, Math.floor(((piece + 1) * samples.length) / count));
    let largest = 0;
    for (let index = start; index < end && index < samples.length; index++) largest = Math.max(largest, Math.abs(samples[index] ?? 0));
    found[piece] = largest;
  }
  return found;
}

export interface Span {
  /** Seconds. */
  from: number;
  to: number;
}

interface SilenceOptions {
  /** Amplitude up to which a window is silent. */
  threshold?: number;
  /** Seconds from which a pause is worth skipping. */
  least?: number;
  /** Seconds that stay on both sides, so that words are not cut and a pause is still heard as one. */
  margin?: number;
}

/** Pauses in which nobody speaks, on any channel, without their margins. */
export function silences(channels: readonly Float32Array[], rate: number, options: SilenceOptions = {}): Span[] {
  const { threshold = 0.012, least = 1.2, margin = 0.25 } = options;
  const window = Math.max(1, Math.round(rate / 50));
  const length = Math.max(0, ...channels.map((channel) => channel.length));
  const spans: Span[] = [];
  let since: number | null = null;
  const close = (end: number) => {
    if (since !== null && (end - since) / rate >= least) spans.push({ from: since / rate + margin, to: end / rate - margin });
    since = null;
  };
  for (let start = 0; start < length; start += window) {
    if (channels.every((channel) => rms(channel, start, start + window) <= threshold)) since ??= start;
    else close(start);
  }
  close(length);
  return spans;
}

function rms(samples: Float32Array, from: number, to: number): number {
  const end = Math.min(to, samples.length);
  if (end <= from) return 0;
  let sum = 0;
  for (let index = from; index < end; index++) sum += (samples[index] ?? 0) ** 2;
  return Math.sqrt(sum / (end - from));
}

/** Where to go on when `time` lies in a pause; `null` when somebody speaks. */
export function skipTo(spans: readonly Span[], time: number): number | null {
  return spans.find((span) => time >= span.from && time < span.to - 0.05)?.to ?? null;
}
