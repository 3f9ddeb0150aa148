import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { LoadedSpec, Sizes } from "../../specs/contracts/spec.js";
import type { Artifact } from "../../specs/contracts/target.js";
import { cacheDirectory } from "../cache-directory.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { compareWithCertificate } from "../cli/describe-folder.js";
import { type ExitCode, exitCodes, gravestExitCode } from "../cli/exit-codes.js";
import { UsageError } from "../cli/usage-error.js";
import { withDevice } from "../device-lock.js";
import { ExamRoom } from "../exam-room.js";
import { forgeVersion } from "../forge-version.js";
import { missingExtensionsOf, missingText } from "../missing-extensions.js";
import { measureRow } from "./kernels/measure-row.js";
import { withoutMistuned } from "./kernels/mistuned-rows.js";
import { type KernelBenchOptions, parseKernelBenchOptions } from "./kernels/options.js";
import type { KernelRow, RowSubject } from "./kernels/row.js";
import { createPrinter, type TableHeader, type TablePrinter } from "./kernels/table.js";
import { type RunningPeer, startPeer } from "./peers/catalogue.js";

/** One accepted kernel: a folder under generated/. */
interface Accepted {
  loaded: LoadedSpec;
  variant: string;
  target: string;
  folder: string;
}

/** What was forged against the baseline and its peers, each row in one run: contestants interleaved, the ones that wait frozen. */
export async function run(args: string[]): Promise<number> {
  const options = parseKernelBenchOptions(args);
  const printer = createPrinter(options.format, (text) => process.stdout.write(text));
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const accepted = listFolders(options);
  const present = accepted.filter(({ folder }) => existsSync(folder));
  if (present.length === 0)
    throw new UsageError(
      `nothing to measure: there is none of ${accepted.map(({ folder }) => folder).join(", ")}; forge it with \`forge goal\``,
    );
  const codes: ExitCode[] = [];
  for (const target of options.targets) {
    const here = present.filter((candidate) => candidate.target === target);
    if (here.length > 0) codes.push(await benchTarget(here, options, { args, printer, signal: controller.signal }));
  }
  for (const { loaded, variant, target, folder } of accepted)
    if (!existsSync(folder)) printer.missing({ spec: loaded.spec.name, variant, target, folder: relative("", folder) });
  printer.close();
  return gravestExitCode(codes);
}

function listFolders({ specs, variants, targets, generated }: KernelBenchOptions): Accepted[] {
  return targets.flatMap((target) =>
    specs.flatMap((loaded) =>
      Object.keys(loaded.spec.variants)
        .filter((variant) => variants?.includes(variant) ?? true)
        .map((variant) => ({ loaded, variant, target, folder: join(generated, loaded.spec.name, variant, target) })),
    ),
  );
}

interface Bench {
  args: string[];
  printer: TablePrinter;
  signal: AbortSignal;
}

async function benchTarget(accepted: Accepted[], options: KernelBenchOptions, bench: Bench): Promise<ExitCode> {
  const codes: ExitCode[] = [];
  let peer: RunningPeer | null = null;
  try {
    for (const [index, candidate] of accepted.entries()) {
      const { loaded, variant, target, folder } = candidate;
      const certificate = compareWithCertificate(folder, loaded);
      if (certificate !== null) process.stderr.write(`${relative("", folder)}: ${certificate}\n`);
      const room = await ExamRoom.open({ loaded, variant, target, unsafe: false, signal: bench.signal });
      try {
        if (index === 0) {
          peer = await startPeer(target, room.threads);
          requirePeerInCi(peer);
          bench.printer.header(headerOf(room, peer, bench.args));
        }
        const missing = missingExtensionsOf(folder, loaded, room.machine);
        if (missing === null) codes.push(await benchFolder(candidate, room, peer, options, bench));
        else for (const row of skippedRows(candidate, missingText(missing))) bench.printer.row(row);
      } finally {
        await room.close();
      }
    }
  } finally {
    if (peer && "process" in peer.running) await peer.running.process.close();
  }
  return gravestExitCode(codes);
}

/** Every entry of a folder at one of its sizes. */
function subjectsAt({ loaded, variant, target }: Accepted, sizes: Sizes): RowSubject[] {
  const { name: spec, entries } = loaded.spec;
  return Object.entries(entries).map(([entry, { direction }]) => ({ spec, variant, target, entry, direction, sizes }));
}

function skippedRows(accepted: Accepted, reason: string): KernelRow[] {
  const subjects = accepted.loaded.spec.cases.timed.flatMap((sizes) => subjectsAt(accepted, sizes));
  return subjects.map((subject) => ({ ...subject, status: "skipped", reason }));
}

async function benchFolder(
  accepted: Accepted,
  room: ExamRoom,
  peer: RunningPeer | null,
  options: KernelBenchOptions,
  { printer, signal }: Bench,
): Promise<ExitCode> {
  const artifact = await buildAccepted(room, accepted.folder);
  const codes: ExitCode[] = [];
  for (const sizes of accepted.loaded.spec.cases.timed) {
    const rows: KernelRow[] = [];
    for (const subject of subjectsAt(accepted, sizes)) {
      const { target, variant, entry } = subject;
      process.stderr.write(`measuring ${target} ${variant} ${entry} at ${Object.values(sizes).join(" x ")}\n`);
      const { rounds, acceptLoad } = options;
      rows.push(
        await withDevice(cacheDirectory(), signal, () => measureRow(subject, { room, artifact, peer, rounds, acceptLoad, signal })),
      );
    }
    // A peer is known by forward and backward together: its ratios stand or fall once both are there.
    for (const row of withoutMistuned(rows)) {
      printer.row(row);
      codes.push(judgeRow(row));
    }
  }
  return gravestExitCode(codes);
}

async function buildAccepted(room: ExamRoom, folder: string): Promise<Artifact> {
  const build = await room.target.build({
    candidate: readCandidateFolder(folder),
    support: room.support,
    entries: room.entries,
    mode: "plain",
    threads: room.threads,
  });
  if (build.status === "failed") throw new Error(`${folder} does not build here: ${build.log}`);
  return build.artifact;
}

function headerOf(room: ExamRoom, peer: RunningPeer | null, args: string[]): TableHeader {
  const { cpuModel, cores, memoryBytes, isa } = room.machine;
  const rival = peer && "version" in peer.running ? [peer.running.version] : [];
  return {
    target: room.target.name,
    machine: `${cpuModel}, ${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB, ${isa.join(" ")}`,
    threads: room.threads,
    versions: [
      `forge ${forgeVersion()}`,
      `node ${process.version}`,
      ...room.toolchains.map(({ name, version }) => `${name} ${version}`),
      ...rival,
    ],
    command: ["forge bench kernels", ...args].join(" "),
    startedAt: new Date().toISOString(),
    peers: peer ? Object.values(peer.kind.modes) : [],
  };
}

/** In CI a comparison that cannot be made is a failure, and known at once; elsewhere the table says why. */
function requirePeerInCi(peer: RunningPeer | null): void {
  if (peer && "absent" in peer.running && process.env.CI)
    throw new Error(`${peer.kind.name} is not here, and CI is set: ${peer.running.absent}`);
}

function judgeRow(row: KernelRow): ExitCode {
  if (row.status === "failed") return exitCodes.failed;
  if (row.status === "errored") return exitCodes.errored;
  if (row.status === "skipped") return exitCodes.ok;
  const isIncomplete = Object.values(row.peers).some((figure) => figure.status === "broken");
  return isIncomplete && process.env.CI ? exitCodes.errored : exitCodes.ok;
}
