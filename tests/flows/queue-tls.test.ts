import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { freePort, RedisServer } from "../../harness/bench/queue/redis-server.js";
import { runForge } from "../harness/cli/run-forge.js";
import { lastingFolder } from "../small-spec.js";

it("a Redis over TLS is used where its authority is known, and refused where it is not", { timeout: 60_000 }, async () => {
  const folder = lastingFolder();
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate, ...subject],
    {
      stdio: "ignore",
    },
  );
  const port = await freePort();
  const tls = ["--tls-port", String(port), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"];
  const server = await RedisServer.start({ more: [...tls, "--requirepass", "a-password"] });
  onTestFinished(() => server.stop());
  const workers = ["workers", "--redis", `rediss://:a-password@localhost:${port}`];
  const known = runForge(workers, undefined, { NODE_EXTRA_CA_CERTS: certificate });
  expect(known).toMatchObject({ code: 0, stdout: expect.stringContaining(`rediss://localhost:${port}: 0 workers`) });
  const unknown = runForge(workers);
  expect(unknown).toMatchObject({ code: 4, stderr: expect.stringMatching(/self-signed certificate/) });
  expect(`${known.stdout}${unknown.stderr}`).not.toContain("a-password");
});
