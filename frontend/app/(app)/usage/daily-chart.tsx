"use client";

import "uplot/dist/uPlot.min.css";

import { useEffect, useRef } from "react";
import uPlot from "uplot";

import { formatDay, formatNumber } from "@/lib/format";
import { useStrings } from "@/lib/strings";
import { useTheme } from "@/lib/theme";
import { useMedia } from "@/lib/use-media";
import type { DayView } from "@/lib/usage/month";

const HEIGHT = 240;

/** Minutes of each day, as bars. For the eye: the same figures are in the table below it. */
export function DailyChart({ days }: { days: readonly DayView[] }) {
  const { usage: words } = useStrings();
  const host = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const theme = useTheme();
  const dark = useMedia("(prefers-color-scheme: dark)");

  useEffect(() => {
    const element = host.current;
    if (!element || !probe.current) return;
    // Tokens hold both halves of light-dark(): only on an element are they a colour.
    const { color, borderTopColor, outlineColor } = getComputedStyle(probe.current);
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        cursor: { y: false, drag: { x: false, y: false } },
        legend: { show: true, live: true },
        scales: { x: { time: false, range: (_plot, min, max) => [min - 0.6, max + 0.6] }, y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [
          { stroke: outlineColor, grid: { show: false }, ticks: { show: false }, incrs: [1, 2, 5, 10], values: (_plot, splits) => splits.map((at) => (Number.isInteger(at) && days[at - 1] ? String(at) : "")) },
          { stroke: outlineColor, grid: { stroke: borderTopColor, width: 1 }, ticks: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], values: (_plot, splits) => splits.map((at) => formatNumber(at)) },
        ],
        series: [
          { label: words.day, value: (_plot, at) => (at === null || !days[at - 1] ? "–" : formatDay(`${days[at - 1]?.day}T12:00:00+05:30`)) },
          { label: words.minutes, fill: color, stroke: color, width: 0, points: { show: false }, paths: uPlot.paths.bars?.({ size: [0.7, 40], radius: 0.15 }), value: (_plot, minutes) => (minutes === null ? "–" : formatNumber(minutes)) },
        ],
      },
      [days.map((_, index) => index + 1), days.map((day) => day.minutes)],
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [days, words, theme, dark]);

  return (
    <div aria-hidden>
      <span ref={probe} className="border-t border-line text-accent outline-ink-muted" />
      <div ref={host} className="text-sm [&_.uplot]:font-sans!" />
    </div>
  );
}
