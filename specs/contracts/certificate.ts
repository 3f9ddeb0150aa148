import { type Static, Type } from "@sinclair/typebox";

/** What an accepted framework carries, so that anyone can judge it again. Written as `certificate.json`. */
const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const Certificate = Type.Object(
  {
    format: Type.Literal("forge-certificate/1"),
    outcome: Type.Union([Type.Literal("passed"), Type.Literal("surpassed")]),
    spec: Type.Object({ name: Type.String(), path: Type.String({ description: "Relative to the package or project root." }), hash: Hash }),
    variant: Type.String(),
    target: Type.String(),
    agent: Type.String(),
    threads: Type.Integer(),
    hashes: Type.Object({
      source: Hash,
      /** Per file, so that a changed one can be named. */
      files: Type.Record(Type.String(), Hash),
      reference: Hash,
      verifier: Hash,
      /** Of the run record beside it. */
      record: Hash,
      /** Of the record of the run that had this code accepted first, where a later run only certified it again. */
      origin: Type.Optional(Hash),
      /** Of this document without this field: an accidental change is noticed. It is no signature. */
      certificate: Hash,
    }),
    /** Git tree of the attempt that was accepted. */
    tree: Type.String(),
    attempt: Type.Integer(),
    toolchains: Type.Array(Type.Object({ name: Type.String(), version: Type.String() })),
    machine: Type.Unknown({ description: "MachineClass" }),
    sandbox: Type.Unknown({ description: "SandboxProtection" }),
    exam: Type.Optional(Type.Unknown({ description: "ExamSummary: how many planted mistakes the gates of this exam notice" })),
    checks: Type.Array(Type.Object({ check: Type.String(), status: Type.String(), summary: Type.String() })),
    seeds: Type.Record(Type.String(), Type.String()),
    thresholds: Type.Record(Type.String(), Type.Number()),
    figures: Type.Array(Type.Unknown({ description: "SpeedFigure of the confirmation" })),
    baseline: Type.Object({ compiler: Type.String(), flags: Type.Array(Type.String()), sourceHash: Hash }),
    issuedAt: Type.String(),
    repeat: Type.String({ description: "The command that judges it again." }),
  },
  { $id: "forge-certificate/1" },
);
export type Certificate = Static<typeof Certificate>;
