import { Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { ForgedMessage, type JobBody, type JobKey, type JobRequest } from "../../specs/contracts/queue.js";
import type { SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { MachineClass, Toolchain } from "../../specs/contracts/target.js";
import { sha256Hex } from "../hash.js";
import { canonicalJson } from "./canonical-json.js";
import type { Seal } from "./seal.js";

const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });
const TravellingFile = Type.Object({ path: Type.String(), hash: Hash });
/** As far as a worker of another version could misread it; whoever signed it is trusted with the rest. */
const Body = Type.Object({
  key: Type.Object({
    specHash: Hash,
    referenceHash: Hash,
    variant: Type.String(),
    target: Type.String(),
    threads: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    source: Type.Union([Type.Record(Type.String(), Hash), Type.Null()]),
    verifierHash: Hash,
    machineClass: Type.Union([Type.String(), Type.Null()]),
    task: Type.Union([
      Type.Object({ kind: Type.Literal("judge"), quick: Type.Boolean() }),
      Type.Object({ kind: Type.Literal("profile"), entry: Type.String(), timedSize: Type.Integer({ minimum: 0 }) }),
      Type.Object({ kind: Type.Union(["describe", "speed", "try", "baseline"].map((kind) => Type.Literal(kind))) }),
    ]),
    nonce: Type.String(),
  }),
  duelLimitMs: Type.Union([Type.Number(), Type.Null()]),
  spec: TravellingFile,
  reference: TravellingFile,
  label: Type.String(),
});
const isBody = new Ajv().compile<JobBody>(Body);

export const jobId = (key: JobKey): string => sha256Hex(canonicalJson(key));

/** What a queue may see of the job, and what of it the signature covers. */
const about = ({ id, route, target, run, label, priority }: Omit<JobRequest, "body">) => ({ id, route, target, run, label, priority });

export function signJob(seal: Seal, body: JobBody, request: Omit<JobRequest, "body" | "id">): JobRequest {
  const addressed = { ...request, id: jobId(body.key) };
  return { ...addressed, body: seal.close("job", about(addressed), body) };
}

/** The job as its controller signed it; throws ForgedMessage for whatever else stands there. */
export function openJob(seal: Seal, request: JobRequest): JobBody {
  const body = seal.open("job", about(request), request.body);
  if (!isBody(body))
    throw new ForgedMessage("the job was signed by a controller of another version of Forge, which describes jobs in another way");
  if (jobId(body.key) !== request.id) throw new ForgedMessage("the job's number is not that of its content");
  return body;
}

export const aboutResult = (id: string, token: string) => ({ id, token });
export const aboutEvent = (id: string, token: string, sequence: number) => ({ id, token, sequence });

/** One name for machines whose measurements stand for each other: chip, toolchains, sandbox, verifiers. */
export function machineClassOf(described: {
  machine: MachineClass;
  toolchains: Toolchain[];
  protection: SandboxProtection;
  verifierHash: string;
}): string {
  const { target, cpuModel, isa, cores, cacheBytes } = described.machine;
  const toolchains = described.toolchains.map(({ name, version }) => ({ name, version }));
  const { kind } = described.protection;
  return sha256Hex(
    canonicalJson({ target, cpuModel, isa: [...isa].sort(), cores, cacheBytes, toolchains, kind, verifierHash: described.verifierHash }),
  );
}

/** Routes name the target, and a hash of what else a worker must have: the verifiers, or all that makes a machine class. */
export const routeOf = (target: string, hash: string): string => `${target}@${hash.slice(0, 16)}`;
