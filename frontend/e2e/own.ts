import type { Browser } from "playwright-core";

import { Window } from "./browser";
import { PASSWORD } from "./world";

/** A business of a test's own, so that what it changes is nobody else's. */
export interface OwnBusiness {
  tenant: string;
  profile: string;
  email: string;
  numbers: string[];
}

type Body = Record<string, unknown>;

/** The API as the operator's browser asks it. */
export class Operator {
  private constructor(readonly window: Window) {}

  static async open(browser: Browser, url: string): Promise<Operator> {
    const window = await Window.open(browser, url);
    await window.signIn("operator");
    return new Operator(window);
  }

  async ask(method: string, path: string, { body, tenant, headers = {} }: { body?: Body; tenant?: string; headers?: Record<string, string> } = {}): Promise<Body> {
    const { status, text } = await this.window.page.evaluate(
      async (wanted) => {
        const csrf = /vca_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? "";
        const own: Record<string, string> = { "X-CSRF-Token": decodeURIComponent(csrf), ...wanted.headers };
        if (wanted.tenant) own["VCA-Tenant"] = wanted.tenant;
        if (wanted.body) own["Content-Type"] = "application/json";
        const answer = await fetch(wanted.path, { method: wanted.method, headers: own, body: wanted.body ? JSON.stringify(wanted.body) : undefined });
        return { status: answer.status, text: await answer.text() };
      },
      { method, path, body, tenant, headers },
    );
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text ? (JSON.parse(text) as Body) : {};
  }

  /** Onboards a business with an owner. */
  async business(name: string, profile: Body = {}): Promise<OwnBusiness> {
    const made = await this.ask("POST", "/v1/tenants", { body: { name, profile: { business_name: name, ...profile } } });
    const tenant = (made.tenant as { id: string }).id;
    const email = `owner@${tenant.replaceAll("_", "-")}.example`;
    await this.ask("POST", "/v1/users", { tenant, body: { email, name: "Meera Nair", password: PASSWORD, role: "tenant_admin" } });
    return { tenant, profile: String(made.profile_id), email, numbers: made.numbers as string[] };
  }

  async close(): Promise<void> {
    await this.window.close();
  }
}

export async function signInAs(window: Window, email: string): Promise<void> {
  const { page } = window;
  await page.goto("/sign-in/");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}
