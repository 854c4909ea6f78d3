import { describe, expect, it } from "vitest";

import { en } from "../strings/en";
import { fromSettings, NO_NOTICES, noticeErrors, noticeSchema, placeholders, toSettings, valuesFor } from "./form";

const settings = {
  owner: { mobiles: ["+919845012345"], about: "all" as const },
  caller: {
    sender: { entity_id: "1101234567890", header: "SHARMA" },
    template: { id: "1107123456789", provider_id: null, text: "Thank you for calling {#alphanumeric#}. {#url#}", category: "service_implicit" as const, values: ["business" as const, "link" as const] },
  },
};

describe("who is told by SMS", () => {
  it("is read and written the same", () => expect(toSettings(fromSettings(settings))).toEqual(settings));
  it("is nobody where nothing is typed", () => expect(toSettings(NO_NOTICES)).toEqual({ owner: { mobiles: [], about: "wanted" }, caller: null }));
  it("leaves a caller's notice out that is switched off", () => expect(toSettings({ ...fromSettings(settings), caller: false }).caller).toBeNull());
});

describe("a template", () => {
  it("has placeholders of every registered form", () => expect(placeholders("a {#var#} b {#alphanumeric#}{#url#} {var}")).toEqual(["{#var#}", "{#alphanumeric#}", "{#url#}"]));
  it("has a value for each placeholder that stands in it, and no more", () => {
    const form = { ...NO_NOTICES, text: "{#var#} {#var#}", values: ["link" as const] };
    expect(valuesFor(form)).toEqual(["link", "kind"]);
    expect(valuesFor({ ...form, text: "" })).toEqual([]);
  });
});

describe("what is typed", () => {
  const schema = noticeSchema(en, false);
  it.each(["", "98450 12345", "+91 98450-12345\n09845012345"])("%j is mobile numbers", (mobiles) => expect(schema.safeParse({ mobiles }).success).toBe(true));
  it.each(["011 4718 0055", "12", "9845012345\n".repeat(6)])("%j is not", (mobiles) => expect(schema.safeParse({ mobiles }).success).toBe(false));
  it("needs what DLT registers, where callers are told", () => {
    const { error } = noticeSchema(en, true).safeParse({ ...NO_NOTICES, header: "AB" });
    expect(error?.issues.map(({ path }) => path[0])).toEqual(["entityId", "header", "templateId", "text"]);
  });
});

describe("the server's complaints", () => {
  it("stand at the fields", () => expect(noticeErrors({ "owner.mobiles[0]": "a", "caller.template.values": "b", "caller.sender.header": "c" })).toEqual({ mobiles: "a", text: "b", header: "c" }));
});
