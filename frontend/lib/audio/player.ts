"use client";

import { skipTo, type Span } from "./peaks";

export interface PlayerState {
  playing: boolean;
  /** Seconds. */
  time: number;
  duration: number;
}

type Listener = () => void;

/**
 * Plays one recording. An audio element does the playing, because it keeps the pitch at other speeds; the time is told on
 * every frame while it plays, for a line that moves smoothly.
 */
export class Player {
  private readonly audio = new Audio();
  private readonly listeners = new Set<Listener>();
  private state: PlayerState = { playing: false, time: 0, duration: 0 };
  private frame = 0;
  private pauses: readonly Span[] = [];

  constructor() {
    for (const event of ["play", "pause", "ended", "seeked"]) this.audio.addEventListener(event, this.tell);
  }

  /** Takes a recording up, until the function that it returns is called. */
  attach(blob: Blob, duration: number): () => void {
    const url = URL.createObjectURL(blob);
    this.audio.src = url;
    this.state = { playing: false, time: 0, duration };
    this.listeners.forEach((listener) => listener());
    return () => {
      this.audio.pause();
      cancelAnimationFrame(this.frame);
      this.audio.removeAttribute("src");
      URL.revokeObjectURL(url);
    };
  }

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): PlayerState => this.state;

  /** Pauses that are gone over; none to play everything. */
  skip(pauses: readonly Span[]): void {
    this.pauses = pauses;
  }

  speed(factor: number): void {
    this.audio.playbackRate = factor;
    this.audio.defaultPlaybackRate = factor;
  }

  toggle(): void {
    if (this.audio.paused) this.play();
    else this.audio.pause();
  }

  play(): void {
    // Refused when the page was left meanwhile: nothing is to be done about it.
    this.audio.play().catch(() => undefined);
  }

  seek(seconds: number): void {
    this.audio.currentTime = Math.min(Math.max(0, seconds), this.state.duration);
    this.tell();
  }

  private readonly tell = (): void => {
    cancelAnimationFrame(this.frame);
    const playing = !this.audio.paused && !this.audio.ended;
    if (playing) {
      const on = skipTo(this.pauses, this.audio.currentTime);
      if (on !== null) this.audio.currentTime = on;
      this.frame = requestAnimationFrame(this.tell);
    }
    this.state = { playing, time: this.audio.currentTime, duration: this.state.duration };
    this.listeners.forEach((listener) => listener());
  };
}
