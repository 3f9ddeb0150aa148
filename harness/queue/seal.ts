import { createHmac, timingSafeEqual } from "node:crypto";
import { Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { ForgedMessage } from "../../specs/contracts/queue.js";
import { parseExactJson } from "../exact-json.js";
import { canonicalJson } from "./canonical-json.js";

/** A job is a controller's word; events and results are a worker's. One cannot stand for the other. */
export type SealKind = "job" | "event" | "result";

const Envelope = Type.Object({ content: Type.String(), mac: Type.String({ pattern: "^[0-9a-f]{64}$" }) }, { additionalProperties: false });
const isEnvelope = new Ajv().compile<{ content: string; mac: string }>(Envelope);

/**
 * Content under HMAC-SHA-256 of a secret that is on no Redis. The code covers what the content is said of (which job, which try) as well,
 * so that a genuine envelope in another place is as good as none. It hides nothing: who reads the Redis reads the content.
 */
export class Seal {
  constructor(private readonly secret: string) {}

  close(kind: SealKind, about: unknown, content: unknown): string {
    const text = canonicalJson(content);
    return JSON.stringify({ content: text, mac: this.code(kind, about, text) });
  }

  /** Throws ForgedMessage where the envelope is not one that the secret's holder closed about just this. */
  open(kind: SealKind, about: unknown, envelope: string): unknown {
    const parsed = parse(envelope);
    if (parsed !== null) {
      const [given, wanted] = [Buffer.from(parsed.mac, "hex"), Buffer.from(this.code(kind, about, parsed.content), "hex")];
      if (given.length === wanted.length && timingSafeEqual(given, wanted)) return parseExactJson(parsed.content);
    }
    throw new ForgedMessage(
      `${kind === "event" ? "an" : "a"} ${kind} in the queue is not signed as it must be: either the machines do not have the same secret, or somebody else writes to this Redis`,
    );
  }

  private code(kind: SealKind, about: unknown, content: string): string {
    return createHmac("sha256", this.secret)
      .update(canonicalJson({ format: "forge-queue/1", kind, about, content }))
      .digest("hex");
  }
}

function parse(envelope: string): { content: string; mac: string } | null {
  try {
    const parsed: unknown = JSON.parse(envelope);
    return isEnvelope(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
