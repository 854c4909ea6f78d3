// Evens out what the network delivers unevenly. Used within an audio worklet, where nothing of the pages can be imported.

/** Sound that waits to be played, as 16-bit samples. */
export class JitterBuffer {
  /**
   * @param {number} lead samples that are collected before the first is played, and again after it ran dry
   * @param {number} most samples above which the oldest are dropped: they would only be heard late
   */
  constructor(lead, most) {
    this.lead = lead;
    this.most = most;
    /** @type {Int16Array[]} */
    this.pieces = [];
    this.offset = 0;
    this.waiting = 0;
    this.playing = false;
    this.dropped = 0;
  }

  /** @param {Int16Array} piece */
  push(piece) {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.waiting += piece.length;
    while (this.waiting > this.most) this.drop();
    if (this.waiting >= this.lead) this.playing = true;
  }

  /** Takes the oldest piece away. */
  drop() {
    const oldest = this.pieces.shift();
    if (!oldest) return;
    const left = oldest.length - this.offset;
    this.waiting -= left;
    this.dropped += left;
    this.offset = 0;
  }

  /**
   * Fills `out` with what is to be heard now, in the range of -1 to 1, and with silence where there is nothing.
   *
   * @param {Float32Array} out
   */
  pull(out) {
    let at = 0;
    while (this.playing && at < out.length) {
      const piece = this.pieces[0];
      if (!piece) {
        this.playing = false;
        break;
      }
      out[at++] = (piece[this.offset++] ?? 0) / 32768;
      this.waiting--;
      if (this.offset === piece.length) {
        this.pieces.shift();
        this.offset = 0;
      }
    }
    out.fill(0, at);
  }

  /** The end of a line that is shorter than the lead is played all the same, once nothing follows it. */
  flush() {
    if (this.waiting > 0) this.playing = true;
  }
}
