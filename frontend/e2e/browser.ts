import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import { PASSWORD } from "./world";

export type Role = "owner" | "viewer" | "operator";

const EMAILS: Record<Role, string> = { owner: "owner@clinic.example", viewer: "viewer@clinic.example", operator: "operator@vca.example" };

export const WIDTHS = [360, 1440] as const;
export const SCHEMES = ["light", "dark"] as const;

export async function launch(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", ...flags],
  });
}

export interface Look {
  width?: number;
  scheme?: "light" | "dark";
}

/** A browser window of its own, which complains about what no page may do. */
export class Window {
  /** Requests to other hosts, violations of the policy, and errors in the console. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
  ) {}

  static async open(browser: Browser, url: string, { width = 1440, scheme = "light" }: Look = {}): Promise<Window> {
    const context = await browser.newContext({
      baseURL: url,
      viewport: { width, height: width < 500 ? 780 : 900 },
      colorScheme: scheme,
      reducedMotion: "reduce",
      // A traveller's browser: the pages show India's time all the same.
      timezoneId: "America/New_York",
      hasTouch: width < 500,
    });
    const page = await context.newPage();
    const window = new Window(page, context);
    const { host } = new URL(url);
    page.on("request", (request) => {
      const target = new URL(request.url());
      if (target.protocol.startsWith("http") && target.host !== host) window.complaints.push(`asked ${target.host}`);
    });
    page.on("console", (message) => {
      // The browser itself reports every answer that is an error; tests look at what the page makes of it.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) window.complaints.push(message.text());
    });
    page.on("pageerror", (error) => window.complaints.push(error.message));
    return window;
  }

  async signIn(role: Role): Promise<void> {
    await this.page.goto("/sign-in/");
    await this.page.getByLabel("E-mail address").fill(EMAILS[role]);
    await this.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
  }

  /** Goes to a page, and waits until nothing is on its way any more. */
  async visit(path: string): Promise<void> {
    await this.page.goto(path);
    await this.settled();
  }

  async settled(): Promise<void> {
    await this.page.getByRole("heading", { level: 1 }).waitFor();
    await this.page.waitForFunction(() => document.querySelector("[aria-busy]") === null);
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}
