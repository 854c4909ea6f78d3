import { z } from "zod/mini";

import { type Hours, hoursFaulty } from "../agent/hours";
import type { Schemas } from "../api/client";
import { NO_NOTICES, type NoticeForm, noticeSchema } from "../notices/form";
import type { Strings } from "../strings";
import { numbersIn } from "../telephone-numbers";

export const STEPS = ["business", "numbers", "hours", "greeting", "sms", "review"] as const;
export type Step = (typeof STEPS)[number];

/** What is asked about a new business, as it is typed. */
export interface Business {
  name: string;
  spokenName: string;
  visitWord: string;
  address: string;
  landmark: string;
  /** One number in each line. */
  numbers: string;
  maxCalls: string;
  hours: Hours;
  greeting: string;
  recordCalls: boolean;
  notices: NoticeForm;
}

const WORKDAY = ["10:00-19:00"];

export const NEW_BUSINESS: Business = {
  name: "",
  spokenName: "",
  visitWord: "appointment",
  address: "",
  landmark: "",
  numbers: "",
  maxCalls: "",
  hours: { mon: WORKDAY, tue: WORKDAY, wed: WORKDAY, thu: WORKDAY, fri: WORKDAY, sat: WORKDAY },
  greeting: "",
  recordCalls: true,
  notices: NO_NOTICES,
};

/** Whether this looks like a telephone number in India or in E.164; the server reads it for good. */
function looksLikeNumber(number: string): boolean {
  const digits = number.replace(/[\s().-]/g, "");
  return /^(\+[1-9]\d{6,14}|0?[1-9]\d{9})$/.test(digits);
}

/** What each step has to be before the next one is shown. */
export function stepSchemas(strings: Strings, confirmsToCallers: boolean) {
  const { common, onboarding: words } = strings;
  return {
    business: z.object({
      name: z.string().check(z.trim(), z.minLength(1, common.required), z.maxLength(120)),
      visitWord: z.string().check(z.trim(), z.minLength(1, common.required), z.maxLength(40)),
      address: z.string().check(z.maxLength(300)),
      landmark: z.string().check(z.maxLength(200)),
    }),
    numbers: z.object({
      numbers: z.string().check(z.refine((text) => numbersIn(text).every(looksLikeNumber), words.numberWrong)),
      maxCalls: z.string().check(z.regex(/^(\d{1,4}|10000)?$/, words.maxCallsWrong)),
    }),
    hours: z.object({ hours: z.custom<Hours>((hours) => !hoursFaulty(hours as Hours), words.hoursWrong) }),
    greeting: z.object({ greeting: z.string().check(z.maxLength(500)) }),
    sms: z.object({ notices: noticeSchema(strings, confirmsToCallers) }),
    review: z.object({}),
  };
}

/** The one request that makes all of it. */
export function newTenant(business: Business): Schemas["NewTenant"] {
  const name = business.name.trim();
  return {
    name,
    numbers: numbersIn(business.numbers),
    ...(business.maxCalls === "" ? {} : { max_calls: Number(business.maxCalls) }),
    profile: {
      business_name: business.spokenName.trim() || name,
      visit_word: business.visitWord.trim(),
      address: business.address.trim(),
      landmark: business.landmark.trim() || null,
      hours: business.hours,
      greeting: business.greeting.trim() || null,
      record_calls: business.recordCalls,
    },
  };
}

export type Missing = "numbers" | "hours" | "address" | "sms" | "prices";

/** What it lacks to be of use, though it could be made as it is. */
export function missing(business: Business): Missing[] {
  const found: Missing[] = [];
  if (numbersIn(business.numbers).length === 0) found.push("numbers");
  if (!Object.values(business.hours).some((openings) => openings && openings.length > 0)) found.push("hours");
  if (!business.address.trim()) found.push("address");
  if (numbersIn(business.notices.mobiles).length === 0) found.push("sms");
  found.push("prices");
  return found;
}

/** The field on the screen that the server complains about, and its step. */
const FIELDS: [RegExp, keyof Business, Step][] = [
  [/^name$/, "name", "business"],
  [/^profile\.business_name/, "spokenName", "business"],
  [/^profile\.visit_word/, "visitWord", "business"],
  [/^profile\.address/, "address", "business"],
  [/^profile\.landmark/, "landmark", "business"],
  [/^numbers/, "numbers", "numbers"],
  [/^max_calls/, "maxCalls", "numbers"],
  [/^profile\.hours/, "hours", "hours"],
  [/^(profile\.greeting|phrases)/, "greeting", "greeting"],
];

export interface Complaints {
  fields: Partial<Record<keyof Business, string>>;
  /** The first step with a complaint. */
  step: Step | null;
}

export function complaints(errors: Readonly<Record<string, string>>): Complaints {
  const fields: Complaints["fields"] = {};
  let first: Step | null = null;
  for (const [field, message] of Object.entries(errors)) {
    const found = FIELDS.find(([pattern]) => pattern.test(field));
    if (!found) continue;
    fields[found[1]] ??= message;
    if (first === null || STEPS.indexOf(found[2]) < STEPS.indexOf(first)) first = found[2];
  }
  return { fields, step: first };
}
