import type { NextConfig } from "next";
import { PHASE_DEVELOPMENT_SERVER } from "next/constants.js";

/** Where `npm run dev` sends what is not a page. */
const server = process.env.VCA_SERVER ?? "http://127.0.0.1:8080";

export default function config(phase: string): NextConfig {
  const common: NextConfig = {
    // `/calls/` is `calls/index.html`: any server of files finds it without rules of its own.
    trailingSlash: true,
    reactStrictMode: true,
    poweredByHeader: false,
    devIndicators: false,
    images: { unoptimized: true },
    turbopack: { root: import.meta.dirname },
  };
  if (phase !== PHASE_DEVELOPMENT_SERVER) return { ...common, output: "export" };
  return {
    ...common,
    // With a slash put behind it, a path of the API is another path, which the server does not have.
    skipTrailingSlashRedirect: true,
    // An event stream must not wait in a compressor's buffer.
    compress: false,
    rewrites: async () => [{ source: "/v1/:path*", destination: `${server}/v1/:path*` }],
  };
}
