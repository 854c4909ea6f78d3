import localFont from "next/font/local";

/** Latin only: other scripts, and the rupee sign, come from the device, which draws them well. */
export const text = localFont({
  src: "../node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
  weight: "100 900",
  display: "swap",
  variable: "--font-text",
  adjustFontFallback: "Arial",
});
