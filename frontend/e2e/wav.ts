import type { Page } from "playwright-core";

const RATE = 8000;

interface Line {
  speaker: string;
  text: string;
  started_ms: number;
  ended_ms: number;
}

/** The first sentence of a call's caller, as it was recorded, with the words that were recognised. */
export async function callerSays(page: Page, call: string): Promise<{ text: string; samples: Int16Array }> {
  const fetched = await page.evaluate(async (id) => {
    const transcript = (await (await fetch(`/v1/calls/${id}/transcript`)).json()) as { lines: Line[] };
    const bytes = await (await fetch(`/v1/calls/${id}/recording`)).arrayBuffer();
    // The browser knows every form of a WAV file; at this rate it changes no sample.
    const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(bytes);
    return { lines: transcript.lines, caller: Array.from(sound.getChannelData(0)) };
  }, call);
  const line = fetched.lines.find(({ speaker }) => speaker === "caller");
  if (!line) throw new Error("nobody spoke in this call");
  // A little before and after, so that no consonant is cut.
  const from = Math.max(0, Math.floor(((line.started_ms - 400) / 1000) * RATE));
  const to = Math.ceil(((line.ended_ms + 300) / 1000) * RATE);
  return { text: line.text, samples: Int16Array.from(fetched.caller.slice(from, to), (sample) => Math.round(sample * 32767)) };
}

/** A WAV file of 16 bits and one channel at 48 kHz, which Chromium's fake microphone reads, with seconds of quiet around. */
export function writeWav(samples: Int16Array, { before, after }: { before: number; after: number }): Buffer {
  const times = 6;
  const rate = RATE * times;
  const [lead, tail] = [before * rate, after * rate];
  const data = Buffer.alloc((lead + samples.length * times + tail) * 2);
  for (let at = 0; at < samples.length * times; at++) {
    const [left, right] = [samples[Math.floor(at / times)] ?? 0, samples[Math.floor(at / times) + 1] ?? 0];
    data.writeInt16LE(Math.round(left + ((right - left) * (at % times)) / times), (lead + at) * 2);
  }
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}
