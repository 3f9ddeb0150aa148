/** A mistake put into a problem's reference: plausible, compiling, and wrong by what a loose comparison lets through. */
export interface Planted {
  mistake: "the last term of a sum left out" | "results rounded to 8 bits";
  text: string;
}

const coarse = `
/* Of float32's 24 bits the upper 8. */
static ACC coarse(ACC value) {
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  bits = (bits + 0x8000u) & 0xffff0000u;
  memcpy(&single, &bits, sizeof bits);
  return (ACC)single;
}
`;

/** The first sum without its last term; where nothing is summed, results of bf16's precision under the name of f32. */
export function plant(reference: string): Planted {
  const sum = /\bSUM\((\w+), (\w+), ([^,]+),/.exec(reference);
  if (sum) {
    const [whole, result, index, count] = sum;
    return {
      mistake: "the last term of a sum left out",
      text: reference.replace(whole, `SUM(${result}, ${index}, (${count}) - 1,`),
    };
  }
  const text = reference.replace('#include "forge.h"\n', `#include "forge.h"\n${coarse}`).replace("= store(", "= store(coarse)(");
  const opened = text.indexOf("store(coarse)(");
  return { mistake: "results rounded to 8 bits", text: `${text.slice(0, opened)}${roundedStore(text.slice(opened))}` };
}

/** `store(coarse)(X);` becomes `store(coarse(X));` */
function roundedStore(text: string): string {
  const end = text.indexOf(");\n");
  return `store(coarse(${text.slice("store(coarse)(".length, end)}));\n${text.slice(end + 3)}`;
}
