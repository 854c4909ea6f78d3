/** Samples a second on the line. */
const RATE = 8000;
const WORKLET = "/worklets/telephone.js";

export type MicrophoneFault = "denied" | "missing";

export interface TelephoneEvents {
  onSound: (samples: Int16Array) => void;
  /** How loud both sides are now, 0 to 1. */
  onLevel: (side: "caller" | "agent", level: number) => void;
}

/** Why there is no microphone, in the browser's terms. */
export function microphoneFault(error: unknown): MicrophoneFault {
  return error instanceof DOMException && (error.name === "NotAllowedError" || error.name === "SecurityError") ? "denied" : "missing";
}

/** A loudspeaker and, where it may be used, a microphone, both at the rate of a telephone line. */
export class Telephone {
  private playback: AudioWorkletNode | null = null;
  private captureContext: AudioContext | null = null;
  private stream: MediaStream | null = null;
  private muted = false;

  private constructor(
    private readonly context: AudioContext,
    private readonly events: TelephoneEvents,
  ) {}

  /** To be called while a press is handled: browsers let a page sound only after one. */
  static async open(events: TelephoneEvents): Promise<Telephone> {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    const telephone = new Telephone(context, events);
    await Promise.all([context.resume(), context.audioWorklet.addModule(WORKLET)]);
    const node = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }: MessageEvent<{ level: number }>) => events.onLevel("agent", data.level);
    node.connect(context.destination);
    telephone.playback = node;
    return telephone;
  }

  /** Begins to listen. @throws when there is no microphone, or it may not be used */
  async listen(): Promise<void> {
    // Not there at all on pages that came over http from another machine.
    if (!navigator.mediaDevices) throw new DOMException("no microphone", "NotFoundError");
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, channelCount: 1 } });
    const [context, source] = await this.source(this.stream);
    const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }: MessageEvent<{ sound: Int16Array; level: number }>) => {
      this.events.onLevel("caller", this.muted ? 0 : data.level);
      if (!this.muted) this.events.onSound(data.sound);
    };
    source.connect(node);
  }

  /** Some browsers connect a microphone only to a context of its own rate; the worklet then brings that down. */
  private async source(stream: MediaStream): Promise<[AudioContext, MediaStreamAudioSourceNode]> {
    try {
      return [this.context, this.context.createMediaStreamSource(stream)];
    } catch {
      this.captureContext = new AudioContext();
      await this.captureContext.audioWorklet.addModule(WORKLET);
      return [this.captureContext, this.captureContext.createMediaStreamSource(stream)];
    }
  }

  get listening(): boolean {
    return this.stream !== null;
  }

  mute(muted: boolean): void {
    this.muted = muted;
  }

  /** Plays 16-bit samples, little-endian as all browsers' machines have them. */
  play(sound: ArrayBuffer): void {
    const samples = new Int16Array(sound, 0, Math.floor(sound.byteLength / 2));
    this.playback?.port.postMessage(samples);
  }

  /** The microphone is let go; what still waits to be played is played. */
  stopListening(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }

  async close(): Promise<void> {
    this.stopListening();
    await Promise.all([this.context.close(), this.captureContext?.close()].map((closing) => closing?.catch(() => undefined)));
  }
}
