import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { codingClisPath } from "../../../scripts/coding-clis.mjs";
import { scriptedKey } from "../../agents/models/scripted-server/start-scripted-server.js";

/** In CI they are installed before the tests: a missing one must fail there. */
export const withoutClis = codingClisPath === null && !process.env.CI;
export const whyWithoutClis = withoutClis ? " (skipped: `npm run install:clis` brings the CLI)" : "";

/** Nobody listens there: whatever asks for another host than this one gets no answer. */
const nowhere = "http://127.0.0.1:9";

/** An environment in which a coding CLI has a home of its own, a key for the scripted server alone, and no way to the network. */
export function cliEnvironment(server: { url: string }): Record<string, string> {
  // Not below /tmp, where Codex keeps no helpers of its sandbox.
  mkdirSync(resolve("node_modules/.cache"), { recursive: true });
  const home = mkdtempSync(resolve("node_modules/.cache/forge-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  for (const cli of ["claude", "codex"]) cpSync("agents/skill/forge", join(home, cli, "skills", "forge"), { recursive: true });
  return {
    PATH: `${codingClisPath}:${process.env.PATH}`,
    HOME: home,
    XDG_CONFIG_HOME: join(home, "config"),
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
    NO_PROXY: "127.0.0.1,localhost",
    CLAUDE_CONFIG_DIR: join(home, "claude"),
    ANTHROPIC_BASE_URL: server.url,
    ANTHROPIC_API_KEY: scriptedKey,
    DISABLE_AUTOUPDATER: "1",
    // Else it asks its model before the tools of a server that takes a second to start are there.
    MCP_CONNECTION_NONBLOCKING: "0",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CODEX_HOME: join(home, "codex"),
    OPENAI_API_KEY: scriptedKey,
  };
}

export const instruction = "Read AGENTS.md in this folder and do what it says.";

/** As in docs/agents.md: what it may do is named, so that it also works as root, where skipping all permissions is refused. */
export const claudeCommand = `claude -p "${instruction}" --allowedTools Bash,Read,Edit,Write`;

export function codexCommand(server: { url: string }): string {
  const provider = `{name="scripted",base_url="${server.url}/v1",env_key="OPENAI_API_KEY",wire_api="responses"}`;
  const settings = [
    // Its sandbox forbids sockets with the network, and `.forge/forge` speaks over one.
    "sandbox_workspace_write.network_access=true",
    "model_provider=scripted",
    `model_providers.scripted=${provider}`,
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
  ];
  const words = settings.map((setting) => `-c '${setting}'`).join(" ");
  return `codex exec --skip-git-repo-check --sandbox workspace-write ${words} -m scripted-model "${instruction}"`;
}

/** Claude Code with Forge as its only MCP server. */
export function claudeMcpCommand(server: { command: string; args: string[] }): string[] {
  const configuration = JSON.stringify({ mcpServers: { forge: server } });
  return [
    "-p",
    "Forge the kernel with the tools of forge.",
    "--mcp-config",
    configuration,
    "--strict-mcp-config",
    "--allowedTools",
    "mcp__forge",
  ];
}
