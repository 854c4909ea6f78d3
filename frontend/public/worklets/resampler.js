// Brings a microphone's rate down to that of the telephone, where the browser does not do it itself. Used within an audio worklet.

/** Averages the samples that fall into one of the lower rate: a coarse low pass, enough for speech. */
export class Resampler {
  /**
   * @param {number} from samples a second that come in
   * @param {number} to samples a second that go out, not more than `from`
   */
  constructor(from, to) {
    this.step = from / to;
    this.position = 0;
    this.sum = 0;
    this.count = 0;
  }

  /**
   * @param {Float32Array} samples
   * @param {(sample: number) => void} take
   */
  run(samples, take) {
    for (const sample of samples) {
      this.sum += sample;
      this.count++;
      this.position++;
      if (this.position >= this.step) {
        take(this.sum / this.count);
        this.position -= this.step;
        this.sum = 0;
        this.count = 0;
      }
    }
  }
}
