import localFont from "next/font/local";

/**
 * Latin only: other scripts, and the rupee sign, come from the device, which draws them well. Not preloaded: it would go
 * ahead of the scripts, which the words wait for; until it is there they stand in a font of the same widths.
 */
export const text = localFont({
  src: "../node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
  weight: "100 900",
  display: "swap",
  preload: false,
  variable: "--font-text",
  adjustFontFallback: "Arial",
});
