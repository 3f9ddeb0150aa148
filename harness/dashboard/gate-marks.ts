import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import type { GateMark } from "./page-data.js";

/** As much of specs/contracts/gate.ts as is shown here. */
const LastGate = Type.Object({
  format: Type.Literal("forge-gate/1"),
  folders: Type.Array(
    Type.Object({
      spec: Type.String(),
      variant: Type.String(),
      target: Type.String(),
      status: Type.Union([Type.Literal("held"), Type.Literal("failed"), Type.Literal("errored"), Type.Literal("skipped")]),
      summary: Type.String(),
      judgedAt: Type.String(),
    }),
  ),
});

const validate = new Ajv({ strict: false }).compile<Static<typeof LastGate>>(LastGate);

export const lastGatePath = (runsDirectory: string): string => join(runsDirectory, "gate", "last.json");

/** What the last gates said, by `<spec>/<variant>/<target>`; the newest where there are several. Empty where no gate ever ran here. */
export function readGateMarks(runsDirectory: string): Map<string, GateMark> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(lastGatePath(runsDirectory), "utf8"));
  } catch {
    return new Map(); // No gate ran, or one is writing just now: the next look finds it.
  }
  if (!validate(parsed)) return new Map();
  const oldestFirst = [...parsed.folders].sort((a, b) => (a.judgedAt < b.judgedAt ? -1 : 1));
  return new Map(
    oldestFirst.map(({ spec, variant, target, status, summary, judgedAt }) => [
      `${spec}/${variant}/${target}`,
      { status, summary, judgedAt },
    ]),
  );
}
