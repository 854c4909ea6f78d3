/**
 * How numbers, money, times and telephone numbers are written, for people in India.
 *
 * Times are Indian Standard Time wherever the browser is: the clinic's day is what matters, not the traveller's.
 */

export const ZONE = "Asia/Kolkata";
const LOCALE = "en-IN";

const timeFormat = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, hour: "numeric", minute: "2-digit", hour12: true });
const dayFormat = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, weekday: "short", day: "numeric", month: "short" });
const dayYearFormat = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, day: "numeric", month: "short", year: "numeric" });
const longDayFormat = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, weekday: "long", day: "numeric", month: "long" });
const isoDayFormat = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
const numberFormat = new Intl.NumberFormat(LOCALE);
const rupeesFormat = new Intl.NumberFormat(LOCALE, { style: "currency", currency: "INR", maximumFractionDigits: 0 });
const paiseFormat = new Intl.NumberFormat(LOCALE, { style: "currency", currency: "INR", minimumFractionDigits: 2 });

/** The day in IST, `2026-03-09`. */
export function isoDay(at: Date | string): string {
  return isoDayFormat.format(new Date(at));
}

/** The hour of the day in IST, 0 to 23. */
export function hourOf(at: Date | string): number {
  return new Date(new Date(at).getTime() + 5.5 * 3_600_000).getUTCHours();
}

/** The moment at which a day (`2026-03-09`) begins in IST, as RFC 3339. There is no daylight saving in India. */
export function dayStart(day: string): string {
  return new Date(`${day}T00:00:00+05:30`).toISOString();
}

/** The day `days` later (or earlier). */
export function addDays(day: string, days: number): string {
  const at = new Date(`${day}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** `2:05 pm` */
export function formatTime(at: Date | string): string {
  return timeFormat.format(new Date(at));
}

/** `Mon, 9 Mar`; with the year where it is not this one. */
export function formatDay(at: Date | string, now: Date = new Date()): string {
  const same = isoDay(at).slice(0, 4) === isoDay(now).slice(0, 4);
  return (same ? dayFormat : dayYearFormat).format(new Date(at));
}

/** `Monday, 9 March` */
export function formatLongDay(at: Date | string): string {
  return longDayFormat.format(new Date(at));
}

/** `Mon, 9 Mar, 2:05 pm` */
export function formatDateTime(at: Date | string, now: Date = new Date()): string {
  return `${formatDay(at, now)}, ${formatTime(at)}`;
}

/** The time of what was today, the day of what was before: for where there is room for one of them. */
export function formatWhen(at: Date | string, now: Date = new Date()): string {
  return isoDay(at) === isoDay(now) ? formatTime(at) : formatDay(at, now).replace(/^\w+, /, "");
}

/** `1,23,456` */
export function formatNumber(value: number): string {
  return numberFormat.format(value);
}

/** Paise as rupees: `₹1,23,456`, or `₹0.45` where paise matter. */
export function formatPaise(paise: number): string {
  return (paise % 100 === 0 ? rupeesFormat : paiseFormat).format(paise / 100);
}

/** `₹800` */
export function formatRupees(rupees: number): string {
  return rupeesFormat.format(rupees);
}

/**
 * A telephone number as people in India read it: `+91 98765 43210`, `+91 80 4718 0000`. Numbers of other countries stay as
 * they are: how they are grouped is known to those who live there.
 */
export function formatPhone(e164: string): string {
  const indian = /^\+91(\d{10})$/.exec(e164)?.[1];
  if (!indian) return e164;
  // Mobile numbers begin with 6 to 9, and so do the area codes of Bengaluru (80) and Ahmedabad (79) with their landlines.
  const landline = /^[1-5]|^80[2-46]|^79[246]/.test(indian);
  if (!landline) return `+91 ${indian.slice(0, 5)} ${indian.slice(5)}`;
  const code = /^(11|20|22|33|40|44|79|80)/.test(indian) ? 2 : 3;
  return `+91 ${indian.slice(0, code)} ${indian.slice(code, -4)} ${indian.slice(-4)}`;
}

/** `0:07`, `12:05`, `1:02:05` */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const tail = `${m}:${String(s).padStart(2, "0")}`;
  return h > 0 ? `${h}:${tail.padStart(5, "0")}` : tail;
}

/** `45 s`, `2 min 5 s` */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const rest = seconds % 60;
  return rest === 0 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 60)} min ${rest} s`;
}

/** `340 ms`, `1.3 s` */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
