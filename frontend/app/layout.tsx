import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";

import { text } from "./fonts";
import "./globals.css";
import { Providers } from "./providers";
import { themeScript } from "@/lib/theme-script";

export const metadata: Metadata = {
  title: { default: "VCA", template: "%s · VCA" },
  description: "Who called, and what they wanted",
  robots: { index: false, follow: false },
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  viewportFit: "cover",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f7f8f8" },
    { media: "(prefers-color-scheme: dark)", color: "#0e1212" },
  ],
};

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    // The theme's script may have set an attribute before React looks.
    <html lang="en-IN" className={text.variable} suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: themeScript }} />
      </head>
      <body>
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
