import { silences, type Span } from "./peaks";

/** A recording as it is drawn: the caller is on the left, the receptionist on the right. */
export interface Sound {
  caller: Float32Array;
  agent: Float32Array;
  seconds: number;
  pauses: Span[];
}

/** Telephone speech has nothing above this rate; a higher one would only take memory. */
const RATE = 8000;

/** @throws when it is no sound that the browser knows */
export async function decode(blob: Blob): Promise<Sound> {
  const context = new OfflineAudioContext(2, 1, RATE);
  const buffer = await context.decodeAudioData(await blob.arrayBuffer());
  const caller = buffer.getChannelData(0);
  const agent = buffer.numberOfChannels > 1 ? buffer.getChannelData(1) : new Float32Array(caller.length);
  return { caller, agent, seconds: buffer.duration, pauses: silences([caller, agent], buffer.sampleRate) };
}
