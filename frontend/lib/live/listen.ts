import { fetchRaw } from "../api/client";
import { Telephone } from "../talk/telephone";

/** The head of the WAV file that the sound comes in. */
const HEAD_BYTES = 44;
/** A sample of both sides. */
const PAIR_BYTES = 4;

/**
 * Makes one channel of two: pieces of a WAV file as they arrive go in, cut anywhere, 16-bit samples come out. Both sides at half
 * their level: who speaks while the other does is not clipped.
 */
export function mixer(): (piece: Uint8Array) => Int16Array {
  let head = HEAD_BYTES;
  let rest = new Uint8Array(0);
  return (piece) => {
    const skipped = Math.min(head, piece.length);
    head -= skipped;
    const bytes = new Uint8Array(rest.length + piece.length - skipped);
    bytes.set(rest);
    bytes.set(piece.subarray(skipped), rest.length);
    const pairs = Math.floor(bytes.length / PAIR_BYTES);
    rest = bytes.slice(pairs * PAIR_BYTES);
    const view = new DataView(bytes.buffer);
    return Int16Array.from({ length: pairs }, (_, n) => (view.getInt16(n * PAIR_BYTES, true) + view.getInt16(n * PAIR_BYTES + 2, true)) >> 1);
  };
}

/** Plays what is said in a call until it is over or `signal` says so. To be called while a press is handled. */
export async function listenIn(call: string, tenant: string | undefined, signal: AbortSignal): Promise<void> {
  const telephone = await Telephone.open({ onSound: () => undefined, onLevel: () => undefined });
  try {
    const headers = tenant ? { "VCA-Tenant": tenant } : undefined;
    const response = await fetchRaw(`/v1/live/calls/${call}/audio`, { platform: tenant !== undefined, signal, headers });
    const reader = response.body?.getReader();
    const mix = mixer();
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
      const samples = mix(read.value);
      if (samples.length > 0) telephone.play(samples.buffer as ArrayBuffer);
    }
  } finally {
    await telephone.close();
  }
}
