import { fetchRaw } from "./client";

export interface ServerEvent {
  event: string;
  data: string;
}

/** Cuts a stream of text into server-sent events. Feed it pieces as they come; a piece may end anywhere. */
export function eventParser(onEvent: (event: ServerEvent) => void): (piece: string) => void {
  let rest = "";
  let name = "";
  let data: string[] = [];
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) onEvent({ event: name || "message", data: data.join("\n") });
        name = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      // A line that begins with a colon is a comment that keeps the connection open.
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      if (field === "data") data.push(value);
    }
  };
}

export type StreamState = "connecting" | "open" | "lost";

interface StreamOptions {
  platform?: boolean;
  onEvent: (event: ServerEvent) => void;
  /** Called with `open` after every connection too: what happened between two of them has to be read anew. */
  onState: (state: StreamState, error?: unknown) => void;
}

/**
 * Follows the server's events until the function that it returns is called. Not `EventSource`, which cannot name the
 * tenant in a header.
 */
export function followEvents({ platform, onEvent, onState }: StreamOptions): () => void {
  const stop = new AbortController();
  void (async () => {
    for (let failures = 0; !stop.signal.aborted; ) {
      onState(failures > 0 ? "lost" : "connecting");
      try {
        const response = await fetchRaw("/v1/events", { platform, signal: stop.signal, headers: { Accept: "text/event-stream" } });
        failures = 0;
        onState("open");
        await readAll(response, onEvent);
        // The server ends each stream after a while; the next one begins at once.
        continue;
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        onState("lost", error);
      }
      await pause(Math.min(30_000, 500 * 2 ** failures), stop.signal);
    }
  })();
  return () => stop.abort();
}

async function readAll(response: Response, onEvent: (event: ServerEvent) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const feed = eventParser(onEvent);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    feed(value);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
