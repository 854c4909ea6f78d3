"use client";

import { useEffect, useMemo, useRef, useState } from "react";

import type { Sound } from "@/lib/audio/decode";
import { peaks } from "@/lib/audio/peaks";
import type { Player } from "@/lib/audio/player";
import { useTheme } from "@/lib/theme";
import { useMedia } from "@/lib/use-media";

/** A bar and the gap behind it, in CSS pixels. */
const STEP = 3;
const BAR = 2;

/** Both voices, each in its half; what was played is in full colour. */
export function Waveform({ player, sound }: { player: Player; sound: Sound }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const callerColour = useRef<HTMLSpanElement>(null);
  const agentColour = useRef<HTMLSpanElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const theme = useTheme();
  const dark = useMedia("(prefers-color-scheme: dark)");

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: Math.round(entry.contentRect.width), height: Math.round(entry.contentRect.height) });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const bars = Math.max(0, Math.floor(size.width / STEP));
  const lanes = useMemo(() => ({ caller: peaks(sound.caller, bars), agent: peaks(sound.agent, bars) }), [sound, bars]);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || bars === 0) return;
    const ratio = window.devicePixelRatio || 1;
    element.width = size.width * ratio;
    element.height = size.height * ratio;
    context.scale(ratio, ratio);
    const colours = [callerColour, agentColour].map((span) => (span.current ? getComputedStyle(span.current).color : "#888"));
    // A whisper is drawn as loud as a shout would be: what matters is who spoke when.
    const loudest = (lane: Float32Array) => Math.max(0.05, ...lane);
    const scales = [loudest(lanes.caller), loudest(lanes.agent)];
    const half = size.height / 2;

    const draw = () => {
      const { time } = player.snapshot();
      const played = sound.seconds > 0 ? (time / sound.seconds) * size.width : 0;
      context.clearRect(0, 0, size.width, size.height);
      [lanes.caller, lanes.agent].forEach((lane, row) => {
        context.fillStyle = colours[row] ?? "#888";
        const middle = half * row + half / 2;
        for (let bar = 0; bar < bars; bar++) {
          const x = bar * STEP;
          const height = Math.max(1.5, ((lane[bar] ?? 0) / (scales[row] ?? 1)) * (half - 8));
          context.globalAlpha = x < played ? 1 : 0.45;
          context.fillRect(x, middle - height / 2, BAR, height);
        }
      });
      context.globalAlpha = 1;
      context.fillStyle = getComputedStyle(element).color;
      if (played > 0) context.fillRect(Math.min(played, size.width - 1.5), 0, 1.5, size.height);
    };
    draw();
    return player.subscribe(draw);
  }, [player, sound, lanes, bars, size, theme, dark]);

  return (
    <>
      <span ref={callerColour} hidden className="text-voice-caller" />
      <span ref={agentColour} hidden className="text-voice-agent" />
      <canvas ref={canvas} aria-hidden className="size-full text-ink" />
    </>
  );
}
