import { type Static, Type } from "@sinclair/typebox";

const closed = { additionalProperties: false } as const;

const Flag = Type.String({ minLength: 1, maxLength: 256, pattern: "^[\\x20-\\x7e]+$", description: "Printable ASCII; one argument each." });
const Flags = Type.Array(Flag, { maxItems: 64 });

/** A leading letter keeps `__proto__` and C's reserved names out. */
const MacroName = Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_]{0,63}$", description: "A C macro name." });
const MacroValue = Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 });

/** What `forge.json` of a candidate must look like; its type is CandidateManifest in target.ts. */
export const CandidateManifestSchema = Type.Object(
  {
    language: Type.Union([Type.Literal("c"), Type.Literal("c++")]),
    compiler: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$", description: "As `forge targets` lists it." }),
    units: Type.Array(Type.Object({ source: Type.String({ minLength: 1, maxLength: 200 }), flags: Flags }, closed), {
      minItems: 1,
      maxItems: 64,
    }),
    linkFlags: Flags,
    tunables: Type.Optional(
      Type.Record(MacroName, Type.Array(MacroValue, { minItems: 1, maxItems: 64 }), { maxProperties: 16, ...closed }),
    ),
    chosen: Type.Optional(Type.Record(MacroName, MacroValue, { maxProperties: 16, ...closed })),
  },
  { ...closed, $id: "forge-candidate/1" },
);
export type CandidateManifestDocument = Static<typeof CandidateManifestSchema>;
