import { findFunction, includesOf, withoutCommentsAndStrings } from "./c-source.js";
import type { ElementTypeName, Entry, KernelSpec } from "./contracts/spec.js";
import { sizesOfEntry } from "./entry-signature.js";
import { renameAdvice } from "./nearest-name.js";
import { checkIncludes } from "./reference-file.js";
import type { Fail, SpecPath } from "./spec-error.js";

const referenceTypes: Record<ElementTypeName, string> = {
  store: "STORE",
  accumulate: "ACC",
  f32: "float",
  bf16: "uint16_t",
  i32: "int32_t",
};

/** A scalar has no storage of its own: store and bf16 are passed in the type of arithmetic. */
const scalarTypes: Record<ElementTypeName, string> = { ...referenceTypes, store: "ACC", bf16: "float" };

function expectedParameters(spec: KernelSpec, name: string, entry: Entry): { type: string; name: string; text: string }[] {
  return [
    ...Object.entries(entry.buffers).map(([buffer, { role, type }]) => ({
      type: `${referenceTypes[type]}*`,
      name: buffer,
      text: `${role === "input" ? "const " : ""}${referenceTypes[type]} *${buffer}`,
    })),
    ...sizesOfEntry(spec, name).map((size) => ({ type: "int64_t", name: size, text: `int64_t ${size}` })),
    ...Object.entries(entry.scalars ?? {}).map(([scalar, { type }]) => ({
      type: scalarTypes[type],
      name: scalar,
      text: `${scalarTypes[type]} ${scalar}`,
    })),
  ];
}

/** That the reference defines every entry with the spec's parameters, and has the loops and macros that the spec names. */
export function checkReference(spec: KernelSpec, referenceText: string, fail: Fail): void {
  checkIncludes(includesOf(referenceText), fail);
  const code = withoutCommentsAndStrings(referenceText);
  for (const [name, entry] of Object.entries(spec.entries)) {
    const path: SpecPath = ["entries", name];
    const expected = expectedParameters(spec, name, entry);
    const prototype = `int ${name}(${expected.map(({ text }) => text).join(", ")})`;
    const found = findFunction(code, name);
    if (found === null)
      fail(
        path,
        `${spec.reference} does not define the function ${name}`,
        prototype,
        "write the function, or name the entry like the function",
        "key",
      );
    const wrong = expected.findIndex(
      ({ type, name: parameter }, index) => found.parameters[index]?.type !== type || found.parameters[index]?.name !== parameter,
    );
    if (wrong !== -1 || found.parameters.length !== expected.length) {
      const index = wrong === -1 ? expected.length : wrong;
      const given = found.parameters[index];
      const problem = given === undefined ? "is missing" : `is "${given.type} ${given.name}"`;
      fail(
        path,
        `parameter ${index + 1} of ${name} in ${spec.reference} ${problem}`,
        prototype,
        "make the function's parameters equal to the spec's, buffers first, then sizes, then scalars",
        "key",
      );
    }
    entry.independent?.forEach((variable, index) => {
      if (!found.loopVariables.includes(variable))
        fail(
          [...path, "independent", index],
          `${name} has no line that begins with "for (int64_t ${variable} = ..."`,
          `loop variables of that function: ${found.loopVariables.join(", ") || "it has none"}`,
          renameAdvice(variable, found.loopVariables, "name a loop variable, or remove it"),
        );
    });
    // LANES is read by SUMS of forge.h.
    for (const macro of Object.keys(entry.tunables ?? {}))
      if (!new RegExp(`\\b${macro === "LANES" ? "LANES|SUMS" : macro}\\b`).test(code))
        fail(
          [...path, "tunables", macro],
          `${spec.reference} does not read the macro ${macro}`,
          "a macro that the reference reads",
          "use it in the reference, with a default under #ifndef",
          "key",
        );
  }
}
