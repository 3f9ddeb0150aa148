import type { AssemblyListing, Available, Profile, ProfileResult, SourceRange } from "../specs/contracts/profile.js";

/** Characters of the whole text; what does not fit is cut from the assembly, which comes last. */
const maximumCharacters = 6_000;
const maximumRemarks = 8;
const maximumRows = 6;
const maximumRowCharacters = 160;

const threading = /^lib(?:gomp|omp)$/;

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** A result as compact Markdown for a model. */
export function profileResultText(result: ProfileResult): string {
  switch (result.status) {
    case "profiled":
      return profileText(result.profile);
    case "does-not-build":
      return `No profile: it does not build.\n\n${fenced(result.log.split("\n"))}`;
    case "crashed":
      return `No profile: a call crashed: ${result.detail}`;
    case "timed-out":
      return `No profile: a call took longer than ${result.limitMs / 1000} s.`;
    case "not-zero":
      return `No profile: a call returned ${result.code} instead of 0.`;
  }
}

/** A profile as compact Markdown for a model, of about 6,000 characters at most. */
export function profileText(profile: Profile): string {
  const head = [
    ...headline(profile),
    ...section("Functions", profile.functions, (row) => `${percent(row.share)} \`${row.name}\`${at(row.source)}`),
    ...section(
      "Loops (without their inner loops)",
      profile.loops,
      (row) => `${percent(row.share)} \`${row.function}\`${at(row.source)}, depth ${row.nesting}, ${row.instructions} instructions`,
    ),
    // Where loops are not known, neither are lines, and it is said once.
    ...section(
      "Lines",
      profile.lines.status === "available" ? profile.lines : { status: "available", value: [] },
      (row) => `${percent(row.share)} ${row.file}:${row.line}`,
    ),
    ...outside(profile),
    ...section(
      "Vectorisation, as the compiler says",
      profile.vectorisation,
      (row) => `${row.file}:${row.line} ${row.kind}: ${row.text}`,
      maximumRemarks,
    ),
  ].join("\n");
  return cut(`${head}\n${assembly(profile.assembly, maximumCharacters - head.length)}`, maximumCharacters);
}

function headline({ entry, sizes, threads, calls, samples, secondsPerCall, roofline, kernel }: Profile): string[] {
  const at = Object.entries(sizes).map(([name, size]) => `${name}=${size}`);
  const lines = [
    `# Profile of ${entry} at ${at.join(", ")}, ${threads} thread${threads === 1 ? "" : "s"}`,
    "",
    `- ${duration(secondsPerCall)} a call (median of ${calls}), ${samples} samples.`,
    `- ${(roofline.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s, ${(roofline.bytesPerSecond / 1e9).toFixed(1)} GB/s: ${percent(roofline.limitFraction)} of what ${roofline.limitedBy} allows (${duration(roofline.limitSeconds)}).`,
  ];
  if (kernel.status === "available" && ((kernel.value.share ?? 0) >= 0.01 || kernel.value.pageFaultsPerCall >= 1)) {
    const { pageFaultsPerCall, share } = kernel.value;
    const time = share === null ? "" : ` ${percent(share)} of the CPU time,`;
    lines.push(`- Operating system:${time} ${pageFaultsPerCall.toFixed(1)} page faults a call.`);
  }
  return lines;
}

function section<T>(title: string, part: Available<T[]>, row: (value: T) => string, limit = maximumRows): string[] {
  if (part.status === "unavailable") return ["", `## ${title}`, `unavailable: ${part.reason}`];
  if (part.value.length === 0) return [];
  return ["", `## ${title}`, ...part.value.slice(0, limit).map((value) => `- ${cut(row(value), maximumRowCharacters)}`)];
}

function outside(profile: Profile): string[] {
  const value = profile.outside.filter(({ share }) => share >= 0.005);
  return section(
    "Outside the candidate's code",
    { status: "available", value },
    ({ share, library, symbol }) =>
      `${percent(share)} ${library}${symbol === null ? (threading.test(library) ? ", threads waiting or being given work" : "") : `: \`${symbol}\``}`,
  );
}

function assembly(part: Profile["assembly"], room: number): string {
  if (part.status === "unavailable") return `\n## Hottest code\nunavailable: ${part.reason}`;
  const { lines, omitted } = part.value;
  const legend = lines.some(({ share }) => share !== null) ? "share of samples (a slow instruction's are often on the next), line" : "line";
  const title = `\n## Hottest code: \`${part.value.function}\`${at(part.value.source)}\n${legend}: instruction\n`;
  const note = (left: number) => (left > 0 ? `\n${left} instructions left out` : "");
  const rows = lines.map(assemblyRow);
  const [from, to] = windowThatFits(lines, rows, room - title.length - 60);
  return `${title}${fenced(rows.slice(from, to))}${note(omitted + rows.length - (to - from))}`;
}

function assemblyRow({ text, share, sourceLine }: AssemblyListing["lines"][number]): string {
  const measured = share === null ? "" : share >= 0.0005 ? `${(100 * share).toFixed(1).padStart(5)} ` : "      ";
  return `${measured}${sourceLine === null ? "     " : `${String(sourceLine).padStart(4)}:`} ${text}`;
}

/** Rows around the hottest instruction, as many as there is room for, towards the hotter side first. */
function windowThatFits(lines: AssemblyListing["lines"], rows: string[], room: number): [number, number] {
  const heat = (index: number) => lines[index]?.share ?? 0;
  const hottest = lines.reduce((best, _, index) => (heat(index) > heat(best) ? index : best), 0);
  let [from, to, used] = [hottest, hottest, 0];
  for (;;) {
    const upwards = from > 0 && (to >= rows.length || heat(from - 1) > heat(to));
    const next = upwards ? from - 1 : to;
    if (next >= rows.length || used + rows[next]!.length + 1 > room) return [from, to];
    used += rows[next]!.length + 1;
    if (upwards) from--;
    else to++;
  }
}

function at(source: SourceRange | null): string {
  if (source === null) return "";
  const { file, firstLine, lastLine } = source;
  return ` ${file}:${firstLine}${lastLine > firstLine ? `-${lastLine}` : ""}`;
}

function duration(seconds: number): string {
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  return seconds >= 1e-3 ? `${(seconds * 1e3).toFixed(2)} ms` : `${(seconds * 1e6).toFixed(2)} us`;
}

/** What others printed must not end its own fence. */
const fenced = (lines: string[]): string => `\`\`\`\n${lines.join("\n").replaceAll("```", "'''")}\n\`\`\``;

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
