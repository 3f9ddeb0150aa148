import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCertificate } from "../../harness/certificate.js";
import { certificateText } from "../../harness/certificate-text.js";
import { parseExactJson } from "../../harness/exact-json.js";
import { sha256Hex } from "../../harness/hash.js";
import { jsonText } from "../../harness/report/escape-text.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";

/** An extension that no machine has. */
export const nobodysExtension = "avx9000";

/** Code that only a compiler for such a machine builds. */
export const wideCode = `__attribute__((target("${nobodysExtension}"))) static int wide(void) { return 1; }`;

/** Makes an accepted folder one of a machine that has it: record and certificate say so, and fit each other and the code. */
export function certifyElsewhere(directory: string, ...extensions: string[]): void {
  const path = join(directory, "record.jsonl");
  const lines = readFileSync(path, "utf8").split("\n");
  const started = parseExactJson(lines[0]!) as ForgeEvent;
  if (started.type !== "run-started") throw new Error(`${path} begins with ${started.type}`);
  const machine = { ...started.machine, isa: [...started.machine.isa, ...extensions] };
  const record = [jsonText({ ...started, machine }), ...lines.slice(1)].join("\n");
  const read = readCertificate(directory);
  if (read.status !== "read") throw new Error(`the certificate is ${read.status}`);
  const { certificate } = read;
  const hashes = { ...certificate.hashes, record: sha256Hex(record) };
  writeFileSync(path, record);
  writeFileSync(join(directory, "certificate.json"), certificateText({ ...certificate, machine, hashes }));
}
