/**
 * What the first page asks the server is asked before its scripts are there: on a slow line the answers then arrive
 * together with them and not one round trip after another. The script is inline; its hash is in the policy that the build
 * writes. Only for whom no tenant has to be named.
 *
 * The addresses have to be those that the hooks ask (`loadMe`, `useDay`), to the letter; otherwise they are asked twice.
 */
export const earlyScript = `(function(){try{
var asked=self.vcaEarly={};
function ask(path){(asked[path]=fetch(path,{credentials:"same-origin"})).catch(function(){})}
ask("/v1/me");
if(location.pathname==="/"&&!localStorage.getItem("vca.tenant")){
var day=new Date(Date.now()+198e5).toISOString().slice(0,10);
ask("/v1/calls?from="+encodeURIComponent(new Date(day+"T00:00:00+05:30").toISOString())+"&limit=200")}
}catch(e){}})()`;

/** Answers that are older than this are asked for anew, in milliseconds since the page began. */
const FRESH = 15_000;

interface EarlyWindow {
  vcaEarly?: Record<string, Promise<Response> | undefined>;
}

/** The answer to a request that was asked early; each is taken once. */
export function takeEarly(request: Request): Promise<Response> | undefined {
  const asked = (globalThis as EarlyWindow).vcaEarly;
  if (!asked || request.method !== "GET" || request.headers.has("VCA-Tenant") || performance.now() > FRESH) return undefined;
  const { pathname, search } = new URL(request.url);
  const answer = asked[pathname + search];
  delete asked[pathname + search];
  return answer;
}
