import { readFile } from "node:fs/promises";
import type { TestProject } from "vitest/node";

import { type Ask, placeCall, startServer } from "./vca";

export const PASSWORD = "correct horse battery";
export const NUMBER = "+918047180055";

export interface World {
  url: string;
  sip: number;
  tenant: string;
  calls: { appointment: string; interrupted: string; nothing: string };
}

declare module "vitest" {
  export interface ProvidedContext {
    world: World;
  }
}

const PROFILE = {
  business_name: "Sharma Dental Clinic",
  visit_word: "appointment",
  address: "14 Church Street, Bengaluru",
  landmark: "opposite the post office",
  hours: { mon: ["10:00-13:00", "16:00-20:00"], tue: ["10:00-13:00", "16:00-20:00"], wed: ["10:00-13:00", "16:00-20:00"], thu: ["10:00-13:00"], fri: ["10:00-20:00"], sat: ["10:00-19:00"] },
  knowledge: {
    services: [
      { name: "root canal", price: { from: 3500, to: 6000 }, minutes: 60 },
      { name: "teeth cleaning", price: { exactly: 800 }, minutes: 30 },
    ],
    faqs: [{ question: "do you have parking", answer: "Yes, there is parking behind the clinic." }],
  },
};

async function people(ask: Ask, url: string, token: string, tenant: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const operator = { token, email: "operator@vca.example", name: "Om Prakash", password: PASSWORD };
  const made = await fetch(`${url}/v1/setup`, { method: "POST", headers, body: JSON.stringify(operator) });
  if (!made.ok) throw new Error(`set-up: ${made.status} ${await made.text()}`);
  await ask("POST", "/v1/users", { tenant, body: { email: "owner@clinic.example", name: "Asha Sharma", password: PASSWORD, role: "tenant_admin" } });
  await ask("POST", "/v1/users", { tenant, body: { email: "viewer@clinic.example", name: "Ravi Kumar", password: PASSWORD, role: "viewer" } });
}

/** Real calls, two at a time: speech takes most of a processor. */
async function talk(sip: number): Promise<void> {
  const callers: string[][] = [
    ["--from", "+919812345678", "--say", "I would like an appointment for a toothache", "--say", "My name is Rahul Verma", "--dtmf", "9876543210#", "--say", "tomorrow evening", "--say", "yes, that is right"],
    ["--from", "+919900112233", "--interrupt", "excuse me, how much is a root canal", "--say", "That is all, thank you"],
    ["--from", "+919731002200", "--silent", "9", "--limit", "8"],
    ["--from", "+919845098450", "--say", "It is an emergency, my tooth is bleeding, I need to speak to the doctor", "--say", "Arjun Mehta", "--dtmf", "9845098450#", "--say", "yes please", "--say", "bye"],
  ];
  const waiting = [...callers];
  const line = async () => {
    for (let options = waiting.shift(); options; options = waiting.shift()) await placeCall(sip, NUMBER, options).done;
  };
  await Promise.all([line(), line()]);
}

interface Listed {
  id: string;
  caller: string;
  status: string;
}

/**
 * A server that has been in use: a business, its people, and calls that were really made. With `VCA_E2E_WORLD` the one that
 * `npm run e2e:world` keeps running.
 */
export default async function setUpWorld(project: TestProject): Promise<() => Promise<void>> {
  const kept = process.env.VCA_E2E_SUITE === "keep" ? undefined : process.env.VCA_E2E_WORLD;
  if (kept) {
    project.provide("world", JSON.parse(await readFile(kept, "utf8")) as World);
    return async () => undefined;
  }
  const server = await startServer();
  const tearDown = () => server.stop();
  try {
    const onboarded = await server.ask("POST", "/v1/tenants", { body: { name: "Sharma Dental Clinic", numbers: [NUMBER], profile: PROFILE } });
    const tenant = (onboarded.tenant as { id: string }).id;
    await server.ask("POST", "/v1/tenants", { body: { name: "Kiran Tailors" } });
    await people(server.ask, server.url, server.setUpToken, tenant);
    // A name that no resolver knows: what is sent there fails, and the page shows that it did.
    await server.ask("POST", "/v1/webhooks", { tenant, body: { url: "https://hooks.clinic.invalid/calls", events: ["call.ended"] } });

    await talk(server.sip);
    const find = async (caller: string) => {
      for (let tries = 0; tries < 50; tries++) {
        const { calls } = (await server.ask("GET", `/v1/calls?caller=${encodeURIComponent(caller)}`, { tenant })) as unknown as { calls: Listed[] };
        if (calls[0] && calls[0].status !== "active") return calls[0].id;
        await new Promise((wait) => setTimeout(wait, 200));
      }
      throw new Error(`the call of ${caller} did not end`);
    };
    project.provide("world", {
      url: server.url,
      sip: server.sip,
      tenant,
      calls: { appointment: await find("+919812345678"), interrupted: await find("+919900112233"), nothing: await find("+919731002200") },
    });
  } catch (error) {
    await tearDown();
    throw error;
  }
  return tearDown;
}
