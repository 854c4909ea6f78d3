import type { Call } from "../data/calls";
import { formatPhone } from "../format";
import type { Strings } from "../strings";
import type { Tone } from "@/components/ui/badge";

/** Who called: the name that was given, else the number. */
export function whoCalled(call: Pick<Call, "slots" | "caller">, common: Strings["common"]): string {
  return call.slots.name || (call.caller ? formatPhone(call.caller) : common.withheld);
}

/** Where the caller wants to be called back, else where he called from. */
export function callBackNumber(call: Pick<Call, "slots" | "caller">): string | null {
  return call.slots.number ?? call.caller ?? null;
}

/** What became of a call, in a word and a tone. */
export function outcomeOf(call: Pick<Call, "status" | "outcome">, strings: Strings["calls"]): { text: string; tone: Tone } {
  if (call.status !== "completed" || !call.outcome) {
    const tones: Record<Call["status"], Tone> = { active: "success", completed: "neutral", abandoned: "warning" };
    return { text: strings.statuses[call.status], tone: tones[call.status] };
  }
  const tones: Record<NonNullable<Call["outcome"]>, Tone> = {
    urgent: "danger",
    message: "accent",
    appointment: "accent",
    transferred: "success",
    answered: "neutral",
    wrong_number: "neutral",
    nothing: "warning",
  };
  return { text: strings.outcomes[call.outcome], tone: tones[call.outcome] };
}

/** Whether somebody is to do something about it. */
export function waits(call: Pick<Call, "outcome">): boolean {
  return call.outcome === "urgent" || call.outcome === "message" || call.outcome === "appointment";
}

/** Whether the caller went away without having got anything. */
export function missed(call: Pick<Call, "status" | "outcome">): boolean {
  return call.status === "abandoned" || call.outcome === "nothing";
}
