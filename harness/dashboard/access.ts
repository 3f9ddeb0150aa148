import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";

export interface AccessRules {
  /** What a visitor must show; null where only this machine can connect. */
  token: string | null;
  /** Names, in small letters, under which the page may be asked for; addresses always may: nobody can rebind those. */
  hostNames: ReadonlySet<string>;
  /** Cookies do not tell ports apart: two dashboards on one machine keep theirs apart by name, new at each start like the token. */
  cookieName: string;
}

/** Nothing inline, nothing from elsewhere, nobody around it. */
export const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers: Record<string, string> = {
  "Content-Security-Policy": contentSecurityPolicy,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
  "Cache-Control": "no-store",
};

/** Headers on every answer, then who may ask at all: by method, by the name asked for, by token. */
export function guardAccess(rules: AccessRules): MiddlewareHandler {
  return async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    if (context.req.method !== "GET" && context.req.method !== "HEAD") {
      context.header("Allow", "GET, HEAD");
      return context.text("The dashboard only shows: GET and HEAD are all it answers.\n", 405);
    }
    if (!isKnownHost(context.req.header("host") ?? "", rules.hostNames)) {
      return context.text(
        "This name is not one that the dashboard answers to: open it under its address, or start it with --allow-host NAME.\n",
        421,
      );
    }
    if (rules.token === null) return next();
    const given = context.req.query("token");
    if (given !== undefined && context.req.path === "/") return welcome(context, rules.token, given, rules.cookieName);
    const shown = bearerToken(context.req.header("authorization")) ?? getCookie(context, rules.cookieName) ?? "";
    return isSameText(shown, rules.token) ? next() : refuse(context);
  };
}

/** The link with the token is used once: a cookie takes its place, so that it does not stay in the address. */
function welcome(context: Context, token: string, given: string, cookieName: string): Response {
  if (!isSameText(given, token)) return refuse(context);
  setCookie(context, cookieName, token, { httpOnly: true, sameSite: "Strict", path: "/" });
  return context.redirect("/", 303);
}

function refuse(context: Context): Response {
  return context.text("A token is needed: open the link that `forge dashboard` printed when it started.\n", 401);
}

/** Through hashes, so that the time taken tells neither length nor beginning. */
function isSameText(a: string, b: string): boolean {
  const hashOf = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hashOf(a), hashOf(b));
}

function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer (\S+)$/.exec(authorization ?? "")?.[1];
}

/** A page elsewhere can have its own name lead here (DNS rebinding), but then its own name stands in the Host header. */
export function isKnownHost(header: string, names: ReadonlySet<string>): boolean {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\\@\s]+))(?::\d{1,5})?$/.exec(header);
  if (!match) return false;
  if (match[1] !== undefined) return isIP(match[1]) === 6;
  const name = (match[2] ?? "").toLowerCase().replace(/\.$/, "");
  return isIP(name) === 4 || names.has(name);
}
