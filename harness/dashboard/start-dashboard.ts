import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { AddressInfo } from "node:net";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { serve } from "@hono/node-server";
import type { QueueOverview } from "../../specs/contracts/queue-overview.js";
import type { AccessRules } from "./access.js";
import { type PageFiles, readPageFiles } from "./page-files.js";
import { dashboardRoutes } from "./routes.js";
import { openRunFeed } from "./run-feed.js";

export interface DashboardOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Further names under which the page may be asked for. */
  hostNames: string[];
  runsDirectory: string;
  generatedDirectory: string;
  queue: (() => Promise<QueueOverview>) | null;
  /** The built page where absent. */
  page?: PageFiles;
}

export interface RunningDashboard {
  /** What to open; with the token where one is needed. */
  url: string;
  close(): Promise<void>;
}

/** Starts the server; rejects with Node's error where the address cannot be had. */
export async function startDashboard(options: DashboardOptions): Promise<RunningDashboard> {
  const page = options.page ?? readPageFiles();
  const directories = { runs: options.runsDirectory, generated: options.generatedDirectory };
  const feed = openRunFeed(directories);
  const ended = new AbortController();
  // Every page that is open listens.
  setMaxListeners(0, ended.signal);
  const access: AccessRules = {
    token: isLoopback(options.host) ? null : randomBytes(24).toString("base64url"),
    hostNames: new Set(["localhost", hostname(), options.host, ...options.hostNames].map((name) => name.toLowerCase())),
    cookieName: `forge-dashboard-${randomBytes(4).toString("hex")}`,
  };
  const app = dashboardRoutes({ directories, feed, page, access, queue: options.queue, ended: ended.signal });
  try {
    const { server, port } = await listen(app.fetch, options);
    const shownHost = isIP(options.host) === 6 ? `[${options.host}]` : options.host;
    return {
      url: `http://${shownHost}:${port}/${access.token === null ? "" : `?token=${access.token}`}`,
      close: () =>
        new Promise((resolve) => {
          ended.abort();
          feed.close();
          server.close(() => resolve());
          if ("closeAllConnections" in server) server.closeAllConnections();
        }),
    };
  } catch (error) {
    feed.close();
    throw error;
  }
}

type Listening = { server: ReturnType<typeof serve>; port: number };

function listen(fetch: Parameters<typeof serve>[0]["fetch"], { host, port }: DashboardOptions): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port }, (address: AddressInfo) => resolve({ server, port: address.port }));
    server.once("error", reject);
  });
}

/** Nobody but this machine reaches these. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
