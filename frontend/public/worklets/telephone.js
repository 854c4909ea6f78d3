// The two ends of a telephone in the audio thread. A file of its own, because the policy allows no scripts made at run time.
/* global AudioWorkletProcessor, registerProcessor, sampleRate */

import { JitterBuffer } from "./jitter-buffer.js";
import { Resampler } from "./resampler.js";

const RATE = 8000;
/** Samples of a message: 60 ms. */
const PIECE = 480;
/** Quanta (128 samples) without sound from the network after which the end of a line is played. */
const QUIET_QUANTA = 6;

/** @param {Float32Array | Int16Array} samples @param {number} full */
function level(samples, full) {
  let sum = 0;
  for (const sample of samples) sum += (sample / full) ** 2;
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length);
}

/** Hands on what the microphone hears, in pieces of 60 ms with their levels. */
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.resampler = sampleRate > RATE ? new Resampler(sampleRate, RATE) : null;
    this.take = (sample) => {
      this.piece[this.filled++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
      if (this.filled < PIECE) return;
      const full = this.piece;
      this.piece = new Int16Array(PIECE);
      this.filled = 0;
      this.port.postMessage({ sound: full, level: level(full, 32768) }, [full.buffer]);
    };
  }

  process(inputs) {
    const channel = inputs[0]?.[0];
    if (channel) {
      if (this.resampler) this.resampler.run(channel, this.take);
      else channel.forEach(this.take);
    }
    return true;
  }
}

/** Plays what the network delivers, and tells how loud it is. */
class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    // Two pieces ahead, and never more than a second behind.
    this.buffer = new JitterBuffer(2 * PIECE, RATE);
    this.quiet = 0;
    this.quanta = 0;
    this.loudest = 0;
    this.port.onmessage = ({ data }) => {
      this.quiet = 0;
      this.buffer.push(data);
    };
  }

  process(_inputs, outputs) {
    const out = outputs[0]?.[0];
    if (!out) return true;
    if (++this.quiet === QUIET_QUANTA) this.buffer.flush();
    this.buffer.pull(out);
    this.loudest = Math.max(this.loudest, level(out, 1));
    if (++this.quanta % 4 === 0) {
      this.port.postMessage({ level: this.loudest });
      this.loudest = 0;
    }
    return true;
  }
}

registerProcessor("capture", Capture);
registerProcessor("playback", Playback);
