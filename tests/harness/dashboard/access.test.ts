import { request } from "node:http";
import { networkInterfaces } from "node:os";
import { describe, expect, onTestFinished, test } from "vitest";
import { contentSecurityPolicy, isKnownHost } from "../../../harness/dashboard/access.js";
import { dashboardRoutes } from "../../../harness/dashboard/routes.js";
import { openRunFeed } from "../../../harness/dashboard/run-feed.js";
import { startDashboard } from "../../../harness/dashboard/start-dashboard.js";
import { openRunStore } from "../../../harness/store/run-store.js";
import { temporaryFolder } from "../temporary-folder.js";
import { finish, writeToldRun } from "./told-run.js";

const page = { html: "<!doctype html>", script: "", style: "" };
const token = "one-token";

function routes(withToken: boolean) {
  const directories = { runs: temporaryFolder(), generated: temporaryFolder() };
  const feed = openRunFeed(directories);
  onTestFinished(() => feed.close());
  const access = { token: withToken ? token : null, hostNames: new Set(["localhost", "build-box"]), cookieName: "forge" };
  return dashboardRoutes({ directories, feed, page, access, queue: null, ended: new AbortController().signal });
}
const local = { Host: "127.0.0.1:4400" };

test("every answer, an error too, carries the policy and its companions", async () => {
  const app = routes(false);
  for (const path of ["/", "/page.js", "/api/runs", "/api/runs/absent", "/nowhere", "/api/runs/%2e%2e%2f%2e%2e%2fetc"]) {
    const { headers } = await app.request(path, { headers: local });
    expect(headers.get("content-security-policy"), path).toBe(contentSecurityPolicy);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
  }
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "frame-ancestors 'none'",
  ])
    expect(contentSecurityPolicy.split("; ")).toContain(part);
  expect(contentSecurityPolicy).not.toContain("unsafe");
});

test("nothing but looking is answered", async () => {
  const app = routes(false);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    expect((await app.request("/api/runs", { method, headers: local })).status, method).toBe(405);
});

test("a name that was rebound to this address is refused; addresses and our own names are not", async () => {
  const app = routes(false);
  expect((await app.request("/", { headers: { Host: "evil.example" } })).status).toBe(421);
  expect((await app.request("/api/runs", { headers: { Host: "127.0.0.1.evil.example:4400" } })).status).toBe(421);
  expect((await app.request("/api/runs", { headers: { Host: "build-box:4400" } })).status).toBe(200);
  const names = new Set(["localhost"]);
  for (const good of ["localhost", "LOCALHOST:1", "localhost.:80", "127.0.0.1", "10.1.2.3:4400", "[::1]:4400"])
    expect(isKnownHost(good, names), good).toBe(true);
  for (const bad of ["", "evil", "localhost.evil", "[evil]", "127.0.0.1@evil", "localhost:1:2", "localhost/..", "[127.0.0.1]"])
    expect(isKnownHost(bad, names), bad).toBe(false);
});

describe("where a token is needed", () => {
  test("without it, or with another, nothing is told", async () => {
    const app = routes(true);
    for (const path of ["/", "/page.js", "/api/runs", "/api/live", "/?token=", "/?token=another", "/api/runs?token=one-token"])
      expect((await app.request(path, { headers: local })).status, path).toBe(401);
    expect((await app.request("/api/runs", { headers: { ...local, Cookie: "forge=one-tokem" } })).status).toBe(401);
  });

  test("the link gives a cookie that scripts cannot read and other sites cannot use, and leaves the address", async () => {
    const app = routes(true);
    const welcomed = await app.request(`/?token=${token}`, { headers: local });
    expect(welcomed.status).toBe(303);
    expect(welcomed.headers.get("location")).toBe("/");
    const cookie = welcomed.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect((await app.request("/api/runs", { headers: { ...local, Cookie: cookie.split(";")[0]! } })).status).toBe(200);
    expect((await app.request("/api/runs", { headers: { ...local, Authorization: `Bearer ${token}` } })).status).toBe(200);
  });
});

test("on loopback no token is asked for; on any other address one is, new at each start", async () => {
  const start = (host: string) =>
    startDashboard({
      host,
      port: 0,
      hostNames: [],
      runsDirectory: temporaryFolder(),
      generatedDirectory: temporaryFolder(),
      queue: null,
      page,
    });
  const inside = await start("127.0.0.1");
  onTestFinished(() => inside.close());
  expect(inside.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  expect(await statusOf(inside.url)).toBe(200);
  const open = await start("0.0.0.0");
  onTestFinished(() => open.close());
  const again = await start("0.0.0.0");
  onTestFinished(() => again.close());
  const url = new URL(open.url);
  expect(url.searchParams.get("token")).toMatch(/^[\w-]{32}$/);
  expect(new URL(again.url).searchParams.get("token")).not.toBe(url.searchParams.get("token"));
  expect(await statusOf(`http://127.0.0.1:${url.port}/api/runs`)).toBe(401);
  expect(await statusOf(`http://127.0.0.1:${url.port}${url.pathname}${url.search}`)).toBe(303);
  // The one on loopback cannot be reached from outside at all.
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((one) => one.family === "IPv4" && !one.internal);
  if (outside) await expect(statusOf(`http://${outside.address}:${new URL(inside.url).port}/`)).rejects.toThrow(/ECONNREFUSED/);
});

function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

test("what is asked for by name is looked up among known runs and never becomes a path", async () => {
  const app = routes(false);
  for (const run of ["..%2f..%2fetc%2fpasswd", "%00", "__proto__", "constructor", "a%0ab"]) {
    const answer = await app.request(`/api/runs/${run}`, { headers: local });
    expect(answer.status, run).toBe(404);
    expect(await answer.json()).toMatchObject({ error: expect.stringContaining("there is no run") as string });
  }
});

test("the code of an attempt comes from its log, and from git where the log does not tell it", async () => {
  const directories = { runs: temporaryFolder(), generated: temporaryFolder() };
  const store = openRunStore(directories.runs);
  const run = await writeToldRun(store);
  finish(run, 2, 1.57);
  run.close();
  const feed = openRunFeed(directories);
  onTestFinished(() => feed.close());
  const { attemptChange } = await import("../../../harness/dashboard/attempt-change.js");
  const placed = { run: run.id, events: feed.events(run.id), places: feed.places(run.id), attempt: 2 };
  const told = await attemptChange(placed);
  expect(told).toMatchObject({
    status: "known",
    against: { kind: "attempt", attempt: 1 },
    files: [
      { name: "forge.json", state: "same" },
      { name: "inner/part.h", state: "same" },
      { name: "kernel.c", state: "changed" },
    ],
  });
  // As older runs are: without what changed.
  const silent = placed.events.map((event) =>
    event.type === "tool-called" || event.type === "workspace-changed" ? { ...event, changed: {} } : event,
  );
  expect(await attemptChange({ ...placed, events: silent })).toEqual(told);
  const gone = await attemptChange({ ...placed, events: silent, places: { workspace: null, acceptedFolder: null } });
  expect(gone).toMatchObject({ status: "unknown", reason: expect.stringContaining("was not shipped") as string });
});
