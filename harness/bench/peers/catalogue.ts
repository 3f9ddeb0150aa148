import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../cache-directory.js";
import { packageRoot } from "../../package-root.js";
import { PeerProcess } from "./peer-process.js";

/** A framework that people use, and the ways to run it that are timed. */
interface PeerKind {
  name: string;
  /** Rival names by the mode that its process knows them by. */
  modes: Record<string, string>;
  start(threads: number): Promise<{ process: PeerProcess; version: string } | string>;
}

/** glibc as PyTorch wants it: large blocks are kept and on huge pages, else single operations are up to 4.5 times slower. */
export const tunedAllocator = {
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: "137438953472",
  MALLOC_TOP_PAD_: "268435456",
  GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
};

/**
 * OpenBLAS, which comes with numpy, takes an AVX-512 chip that it does not know for one without. Its threads sleep after a third of a
 * millisecond (2^20 cycles), so that they do not spin while others are timed. It reads all this when it is loaded.
 */
function tunedOpenblas(threads: number): Record<string, string> {
  const hasAvx512 = readFileSync("/proc/cpuinfo", "utf8").includes(" avx512f ");
  return {
    OPENBLAS_NUM_THREADS: String(threads),
    OPENBLAS_THREAD_TIMEOUT: "20",
    ...(hasAvx512 && process.env.OPENBLAS_CORETYPE === undefined ? { OPENBLAS_CORETYPE: "SkylakeX" } : {}),
  };
}

const benchFile = (name: string): string => join(packageRoot(), "harness", "bench", name);

export function pythonOfPeers(): string {
  return process.env.FORGE_PYTHON || join(packageRoot(), ".venv", "bin", "python");
}

const pytorch: PeerKind = {
  name: "pytorch",
  modes: { eager: "pytorch-eager", compiled: "pytorch-compiled", onednn: "onednn", openblas: "openblas" },
  start: (threads) => startPyTorch(threads, "peers/pytorch_peer.py"),
};

/** A script of ours in a Python with PyTorch, tuned; a text says why it is not there. */
export async function startPyTorch(threads: number, script: string): Promise<{ process: PeerProcess; version: string } | string> {
  const python = pythonOfPeers();
  if (python.includes("/") && !existsSync(python))
    return `there is no Python at ${python}: set FORGE_PYTHON to one with PyTorch, or run \`node scripts/install-prerequisites.mjs --python\``;
  return PeerProcess.start("pytorch", [python, benchFile(script)], {
    ...tunedAllocator,
    OMP_NUM_THREADS: String(threads),
    ...tunedOpenblas(threads),
    TORCHINDUCTOR_CACHE_DIR: join(cacheDirectory(), "torchinductor"),
    // Its compiling processes would otherwise stay, and be there while others are timed.
    TORCHINDUCTOR_COMPILE_THREADS: "1",
    PYTHONDONTWRITEBYTECODE: "1",
  });
}

const onnxruntimeWeb: PeerKind = {
  name: "onnxruntime-web",
  modes: { wasm: "onnxruntime-web" },
  start: () => PeerProcess.start(onnxruntimeWeb.name, [process.execPath, benchFile("peers/onnxruntime-peer.mjs")], {}),
};

/** Who competes on which target. */
const peersByTarget: Record<string, PeerKind> = { "x86-64": pytorch, "wasm-simd": onnxruntimeWeb };

export interface RunningPeer {
  kind: { name: string; modes: Record<string, string> };
  running: { process: PeerProcess; version: string } | { absent: string };
}

/** The peer of a target, started; null where none is known for it. */
export async function startPeer(target: string, threads: number): Promise<RunningPeer | null> {
  const kind = peersByTarget[target];
  if (!kind) return null;
  const started = await kind.start(threads);
  return { kind, running: typeof started === "string" ? { absent: started } : started };
}
