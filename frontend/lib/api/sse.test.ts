import { describe, expect, it } from "vitest";

import { eventParser, type ServerEvent } from "./sse";

function parse(...pieces: string[]): ServerEvent[] {
  const events: ServerEvent[] = [];
  const feed = eventParser((event) => events.push(event));
  pieces.forEach(feed);
  return events;
}

describe("server-sent events", () => {
  it("have names and data", () => expect(parse('event: call.turn\ndata: {"a":1}\n\n')).toEqual([{ event: "call.turn", data: '{"a":1}' }]));
  it("may come in any pieces", () => {
    const text = "event: call.started\r\ndata: one\r\ndata: two\r\n\r\ndata: three\r\n\r\n";
    const whole = parse(text);
    expect(whole).toEqual([
      { event: "call.started", data: "one\ntwo" },
      { event: "message", data: "three" },
    ]);
    expect(parse(...text)).toEqual(whole);
  });
  it("that are comments are none", () => expect(parse(":\n\n", ": keep\n\n")).toEqual([]));
  it("that have not ended have not come", () => expect(parse("data: x\n")).toEqual([]));
});
