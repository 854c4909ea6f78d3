/** Where to go after signing in: a path of ours, never another site's address that somebody put into the link. */
export function nextPage(wanted: string | null): string {
  if (!wanted?.startsWith("/") || wanted.startsWith("//") || wanted.includes("\\")) return "/";
  const url = new URL(wanted, "http://here.invalid");
  return url.host === "here.invalid" ? url.pathname + url.search : "/";
}
