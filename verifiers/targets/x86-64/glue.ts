import type { ElementType } from "../../../specs/contracts/spec.js";
import type { EntrySignature } from "../../../specs/contracts/target.js";

const cTypes: Record<ElementType, string> = { f32: "float", f64: "double", bf16: "uint16_t", i32: "int32_t" };

/** Generates the C that calls each entry with its own parameter types; compiled into the runner, never into a candidate. */
export function generateGlue(entries: EntrySignature[]): string {
  const calls = entries.map((entry) => {
    const parameterTypes = [
      ...entry.buffers.map((buffer) => `${buffer.role === "input" ? "const " : ""}${cTypes[buffer.type]} *`),
      ...entry.sizes.map(() => "int64_t"),
      ...entry.scalars.map((scalar) => cTypes[scalar.type]),
    ];
    const values = [
      ...entry.buffers.map((_, index) => `buffers[${index}]`),
      ...entry.sizes.map((_, index) => `sizes[${index}]`),
      ...entry.scalars.map((scalar, index) => `(${cTypes[scalar.type]})scalars[${index}]`),
    ];
    return `static int call_${entry.name}(void *function, void *const *buffers, const int64_t *sizes, const double *scalars) {
  (void)sizes; (void)scalars;
  return ((int (*)(${parameterTypes.join(", ")}))function)(${values.join(", ")});
}`;
  });
  const rows = entries.map((entry) => {
    const names = entry.buffers.map((buffer) => `"${buffer.name}"`).join(", ");
    const roles = entry.buffers.map((buffer) => (buffer.role === "input" ? "FORGE_INPUT" : "FORGE_OUTPUT")).join(", ");
    return `  {"${entry.name}", call_${entry.name}, ${entry.buffers.length}, {${names}}, {${roles}}, ${entry.sizes.length}, ${entry.scalars.length}},`;
  });
  return `#include "runner.h"\n\n${calls.join("\n\n")}\n\nconst forge_entry forge_entries[] = {\n${rows.join("\n")}\n};\nconst int forge_entry_count = ${entries.length};\n`;
}
