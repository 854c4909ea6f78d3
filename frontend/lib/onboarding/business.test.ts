import { describe, expect, it } from "vitest";

import { en } from "../strings/en";
import { numbersIn } from "../telephone-numbers";
import { complaints, missing, NEW_BUSINESS, newTenant, stepSchemas } from "./business";

const schemas = stepSchemas(en, false);
const business = { ...NEW_BUSINESS, name: " Kiran Tailors ", numbers: "080 4718 0055\n+91 98765 43210", address: "Church Street" };

describe("the steps", () => {
  it("let through what can be made", () => {
    for (const schema of Object.values(schemas)) expect(schema.safeParse(business).success).toBe(true);
  });
  it("want a name and a word for what people come for", () => {
    const { error } = schemas.business.safeParse({ ...business, name: " ", visitWord: "" });
    expect(error?.issues.map(({ path }) => path[0])).toEqual(["name", "visitWord"]);
  });
  it.each(["12", "0804718005", "+9", "call me", "080 4718 0055, 7"])("do not take %j for a number", (numbers) => {
    expect(schemas.numbers.safeParse({ ...business, numbers }).success).toBe(false);
  });
  it.each(["", "080 4718 0055", "+91 80 4718 0055", "98765-43210"])("take %j", (numbers) => expect(schemas.numbers.safeParse({ ...business, numbers }).success).toBe(true));
  it("do not take hours that end before they begin", () => expect(schemas.hours.safeParse({ hours: { mon: ["19:00-10:00"] } }).success).toBe(false));
});

describe("the request", () => {
  it("is one, with everything in it", () => {
    expect(newTenant({ ...business, maxCalls: "4", greeting: " Namaste " })).toEqual({
      name: "Kiran Tailors",
      numbers: ["080 4718 0055", "+91 98765 43210"],
      max_calls: 4,
      profile: { business_name: "Kiran Tailors", visit_word: "appointment", address: "Church Street", landmark: null, hours: NEW_BUSINESS.hours, greeting: "Namaste", record_calls: true },
    });
  });
  it("leaves the number of calls to the server where none is given", () => expect(newTenant(business)).not.toHaveProperty("max_calls"));
  it("has each number once that stands in a line", () => expect(numbersIn(" 1 \n\n2, 3;")).toEqual(["1", "2", "3"]));
});

describe("what is missing", () => {
  it("is told though it could be made", () => {
    expect(missing({ ...NEW_BUSINESS, hours: { mon: [] } })).toEqual(["numbers", "hours", "address", "sms", "prices"]);
    expect(missing({ ...business, notices: { ...business.notices, mobiles: "98450 12345" } })).toEqual(["prices"]);
  });
});

describe("the server's complaints", () => {
  it("stand at their fields, and lead to the first step that has one", () => {
    expect(complaints({ "profile.hours.mon[0]": "wrong", "numbers[1]": "is taken", other: "x" })).toEqual({ fields: { hours: "wrong", numbers: "is taken" }, step: "numbers" });
    expect(complaints({ other: "x" })).toEqual({ fields: {}, step: null });
  });
});
