import { Ajv } from "ajv";
import { Certificate } from "../specs/contracts/certificate.js";
import { sha256Hex } from "./hash.js";

const validate = new Ajv({ strict: false }).compile<Certificate>(Certificate);

/** A certificate before its own hash is put in. */
export type UnsealedCertificate = Omit<Certificate, "hashes"> & { hashes: Omit<Certificate["hashes"], "certificate"> };

/** The text of certificate.json, with the hash of everything else in it. It shows accidents; it is no signature. */
export function certificateText(certificate: UnsealedCertificate | Certificate): string {
  const hashes: Record<string, unknown> & UnsealedCertificate["hashes"] = { ...certificate.hashes };
  // One that is written anew gets a new hash.
  delete hashes.certificate;
  const sealed: Certificate = { ...certificate, hashes: { ...hashes, certificate: hashOf({ ...certificate, hashes }) } };
  return `${JSON.stringify(sealed, null, 2)}\n`;
}

/** Parses and checks the text of a certificate.json; where it is not as it was written, what was expected and what is there. */
export function parseCertificate(text: string): Certificate | { expected: string; got: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return { expected: "a JSON document", got: error instanceof Error ? error.message : String(error) };
  }
  if (!validate(parsed)) {
    const [error] = validate.errors ?? [];
    return {
      expected: "a forge-certificate/1 document",
      got: `${error?.instancePath || "the document"} ${error?.message ?? "does not fit"}`,
    };
  }
  const { certificate: expected, ...hashes } = parsed.hashes;
  const got = hashOf({ ...parsed, hashes });
  if (got !== expected) return { expected, got };
  // Also catches changes between the tokens, which parsing does not see.
  if (certificateText({ ...parsed, hashes }) !== text)
    return { expected: "the layout that Forge writes", got: "the same values laid out otherwise" };
  return parsed;
}

function hashOf(certificate: UnsealedCertificate): string {
  return sha256Hex(JSON.stringify(certificate));
}
