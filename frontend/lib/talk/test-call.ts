import { createTestCall, type Form } from "../data/test-calls";
import { IDLE, parseMessage, received, type TalkState } from "./state";
import { microphoneFault, type MicrophoneFault, Telephone } from "./telephone";

export interface TestCallState extends TalkState {
  /** Whether the microphone is heard, or why there is none; `null` where none is wanted. */
  microphone: "on" | "muted" | MicrophoneFault | null;
}

type Side = "caller" | "agent";

/** Longer than anything waits to be played. */
const LAST_WORDS_MS = 1500;

/** A call to the receptionist over a WebSocket: sound both ways, and what happens in the call. */
export class TestCall {
  private state: TestCallState = { ...IDLE, microphone: null };
  private socket: WebSocket | null = null;
  private telephone: Telephone | null = null;
  private ended = false;
  private readonly listeners = new Set<() => void>();
  private readonly meters = new Map<Side, (level: number) => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): TestCallState => this.state;

  private set(change: Partial<TestCallState>): void {
    this.state = { ...this.state, ...change };
    this.listeners.forEach((listener) => listener());
  }

  /** Levels change many times a second: they go past React. */
  meter(side: Side, show: ((level: number) => void) | null): void {
    if (show) this.meters.set(side, show);
    else this.meters.delete(side);
  }

  /** Calls. Without a microphone, or where it may not be used, what is typed is spoken for the caller. */
  async start(profile: string, form: Form, wanted: boolean): Promise<void> {
    this.set({ phase: "connecting" });
    try {
      this.telephone = await Telephone.open({
        onSound: (samples) => {
          if (this.state.phase === "talking") this.send(samples.buffer as ArrayBuffer);
        },
        onLevel: (side, level) => this.meters.get(side)?.(level),
      });
      if (wanted) await this.listen();
      const { path } = await createTestCall(profile, form);
      if (this.ended) return;
      this.connect(path);
    } catch (error) {
      this.finish({ phase: "failed", error });
    }
  }

  private async listen(): Promise<void> {
    try {
      await this.telephone?.listen();
      this.set({ microphone: "on" });
    } catch (error) {
      this.set({ microphone: microphoneFault(error) });
    }
  }

  private connect(path: string): void {
    const url = new URL(path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const telephone = this.telephone;
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (typeof data !== "string") return telephone?.play(data);
      const message = parseMessage(data);
      if (message) this.set(received(this.state, message, Date.now()));
    };
    // A connection that breaks tells no reason; the call's own end was told before.
    socket.onclose = () => this.finish(this.state.phase === "connecting" ? { phase: "failed", error: new Error() } : this.state.phase === "failed" ? {} : { phase: "over" });
  }

  private send(message: ArrayBuffer | string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(message);
  }

  say(text: string): void {
    this.send(JSON.stringify({ type: "sentence", text }));
  }

  press(keys: string): void {
    this.send(JSON.stringify({ type: "keys", keys }));
  }

  mute(muted: boolean): void {
    if (!this.telephone?.listening) return;
    this.telephone.mute(muted);
    this.set({ microphone: muted ? "muted" : "on" });
  }

  /** The server ends the call and says so; the connection closes after that. */
  hangUp(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.send(JSON.stringify({ type: "hang_up" }));
    else this.finish({ phase: "over" });
  }

  /** The page goes: whatever is going on ends. */
  dispose(): void {
    this.hangUp();
    this.socket?.close();
    this.finish({});
  }

  private finish(change: Partial<TestCallState>): void {
    this.ended = true;
    const telephone = this.telephone;
    this.telephone = null;
    telephone?.stopListening();
    setTimeout(() => void telephone?.close(), LAST_WORDS_MS);
    this.set({ doing: null, ...change });
  }
}
