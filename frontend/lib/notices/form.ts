import { z } from "zod/mini";

import type { Schemas } from "../api/client";
import type { Strings } from "../strings";
import { numbersIn } from "../telephone-numbers";

export type Settings = Schemas["NotificationSettings"];
export type Value = Schemas["SmsValue"];

export const VALUES: readonly Value[] = ["business", "kind", "summary", "name", "number", "reason", "time", "duration", "called_at", "link", "link_code"];
export const CATEGORIES: readonly Schemas["SmsCategory"][] = ["service_implicit", "service_explicit", "transactional", "promotional"];

/** Who is told by SMS, as it is typed. */
export interface NoticeForm {
  mobiles: string;
  about: Schemas["NoticeAbout"];
  caller: boolean;
  entityId: string;
  header: string;
  templateId: string;
  providerId: string;
  text: string;
  category: Schemas["SmsCategory"];
  /** What fills the placeholders, in their order; may be longer than there are placeholders now. */
  values: Value[];
}

export const NO_NOTICES: NoticeForm = { mobiles: "", about: "wanted", caller: false, entityId: "", header: "", templateId: "", providerId: "", text: "", category: "service_implicit", values: [] };

/** The placeholders of a template, in their order. */
export function placeholders(text: string): string[] {
  return text.match(/\{#\w+#\}/g) ?? [];
}

/** What fills each placeholder: what was chosen, or something to begin with. */
export function valuesFor(form: NoticeForm): Value[] {
  return placeholders(form.text).map((_, index) => form.values[index] ?? VALUES[index % VALUES.length] ?? "business");
}

export function fromSettings({ owner, caller }: Settings): NoticeForm {
  return {
    mobiles: (owner?.mobiles ?? []).join("\n"),
    about: owner?.about ?? "wanted",
    caller: !!caller,
    entityId: caller?.sender.entity_id ?? "",
    header: caller?.sender.header ?? "",
    templateId: caller?.template.id ?? "",
    providerId: caller?.template.provider_id ?? "",
    text: caller?.template.text ?? "",
    category: caller?.template.category ?? "service_implicit",
    values: [...(caller?.template.values ?? [])],
  };
}

export function toSettings(form: NoticeForm): Settings {
  const owner = { mobiles: numbersIn(form.mobiles), about: form.about };
  if (!form.caller) return { owner, caller: null };
  return {
    owner,
    caller: {
      sender: { entity_id: form.entityId.trim(), header: form.header.trim() },
      template: { id: form.templateId.trim(), provider_id: form.providerId.trim() || null, text: form.text, category: form.category, values: valuesFor(form) },
    },
  };
}

/** Mobile numbers in India begin with 6 to 9. */
function isMobile(number: string): boolean {
  return /^(\+91|0)?[6-9]\d{9}$/.test(number.replace(/[\s().-]/g, ""));
}

export function noticeSchema({ common, usage }: Strings, caller: boolean) {
  const { notices: words } = usage;
  const mobiles = z.string().check(z.refine((text) => numbersIn(text).length <= 5 && numbersIn(text).every(isMobile), words.mobilesWrong));
  if (!caller) return z.object({ mobiles });
  const dltId = z.string().check(z.trim(), z.regex(/^[0-9]{10,30}$/, words.idWrong));
  return z.object({
    mobiles,
    entityId: dltId,
    header: z.string().check(z.trim(), z.regex(/^[0-9A-Za-z]{3,11}$/, words.headerWrong)),
    templateId: dltId,
    text: z.string().check(z.trim(), z.minLength(1, common.required)),
  });
}

const FIELDS: [RegExp, keyof NoticeForm][] = [
  [/^owner/, "mobiles"],
  [/^caller\.sender\.entity_id/, "entityId"],
  [/^caller\.sender/, "header"],
  [/^caller\.template\.id/, "templateId"],
  [/^caller\.template\.provider_id/, "providerId"],
  [/^caller\.template/, "text"],
  [/^caller/, "text"],
];

/** The server's complaints, by the fields of the form. */
export function noticeErrors(errors: Readonly<Record<string, string>>): Partial<Record<keyof NoticeForm, string>> {
  const found: Partial<Record<keyof NoticeForm, string>> = {};
  for (const [field, message] of Object.entries(errors)) {
    const name = FIELDS.find(([pattern]) => pattern.test(field))?.[1];
    if (name) found[name] ??= message;
  }
  return found;
}
