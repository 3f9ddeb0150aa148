import type { BufferSpec, ElementType, Entry, KernelSpec, Variant } from "./contracts/spec.js";
import type { EntrySignature } from "./contracts/target.js";
import { entrySignatures } from "./entry-signature.js";

const cTypes: Record<ElementType, string> = { f32: "float", bf16: "forge_bf16", i32: "int32_t", f64: "double" };

/** The C prototype of an entry, without the closing semicolon. */
export function prototypeOf(signature: EntrySignature): string {
  const parameters = [
    ...signature.buffers.map(({ name, role, type }) => `${role === "input" ? "const " : ""}${cTypes[type]} *${name}`),
    ...signature.sizes.map((name) => `int64_t ${name}`),
    ...signature.scalars.map(({ name, type }) => `${cTypes[type]} ${name}`),
  ];
  return `int ${signature.name}(${parameters.join(", ")})`;
}

/** The text of a spec must not be able to end the comment that it stands in. */
function commentText(text: string): string {
  return text.replaceAll("*/", "* /").replaceAll("/*", "/ *").replace(/\s+/g, " ").trim();
}

function describeBuffer(name: string, buffer: BufferSpec): string {
  const description = buffer.description === undefined ? "" : `: ${commentText(buffer.description)}`;
  return ` *   ${buffer.role.padEnd(6)} ${name}[${buffer.shape.join("][")}], row-major${description}`;
}

function documentEntry(signature: EntrySignature, entry: Entry): string {
  const lines = Object.entries(entry.buffers).map(([name, buffer]) => describeBuffer(name, buffer));
  const title = `${entry.direction}${entry.description === undefined ? "" : `: ${commentText(entry.description)}`}`;
  return ["/*", ` * ${signature.name}, ${title}`, ...lines, " * Returns 0 on success.", " */", `${prototypeOf(signature)};`].join("\n");
}

/** `forge_kernel.h`: what a candidate in C or C++ includes and implements. */
export function generateKernelHeader(spec: KernelSpec, variant: Variant): string {
  const entries = entrySignatures(spec, variant).map((signature) => documentEntry(signature, spec.entries[signature.name]!));
  return `/*
 * ${spec.name}: ${commentText(spec.summary)}
 * Storage ${variant.store}, accumulation ${variant.accumulate}. Generated from the spec: changes here are not read.
 *
 * Buffers do not overlap, may be aligned to their element only, and may end at the last byte of a page. Every element of
 * every output must be written; inputs must not be. Each function may be called again with other sizes.
 */
#ifndef FORGE_KERNEL_H
#define FORGE_KERNEL_H

#include <stdint.h>

/* Threads that a call may use at once; the build sets it. */
#ifndef FORGE_THREADS
#define FORGE_THREADS 1
#endif

/* The upper 16 bits of a float; conversion rounds to nearest, ties to even. */
typedef uint16_t forge_bf16;

#ifdef __cplusplus
extern "C" {
#endif

${entries.join("\n\n")}

#ifdef __cplusplus
}
#endif

#endif
`;
}
