import type { AgentBriefing, AgentTools } from "../../specs/contracts/agent.js";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { configKey, describeConfig, type EntryConfig, lowerToCandidate } from "./entry-config.js";

interface Tried {
  compiler: string;
  entry: string;
  config: EntryConfig;
  seconds: number;
}

type Change = { label: string; apply: (config: EntryConfig) => EntryConfig };

/**
 * Searches compilers, flags, pragmas, summation orders and tunables. Entries do not depend on each other, so one trial tries a
 * choice on all of them at once and each keeps what suits it.
 */
export class Search {
  private readonly tried: Tried[] = [];
  private readonly refused = new Set<string>();

  constructor(
    private readonly tools: AgentTools,
    private readonly briefing: AgentBriefing,
    private readonly loaded: LoadedSpec,
  ) {}

  /** Tries a few whole settings with every compiler, then refines one coordinate at a time on the best compiler. */
  async run(): Promise<void> {
    const compilers = this.compilers();
    const starts = this.startingPoints();
    const changes = this.changes();
    this.tools.announceTrials(compilers.length * starts.length + changes.length);
    for (const compiler of compilers)
      for (const start of starts)
        await this.try(compiler, start.label, Object.fromEntries(this.entries().map((entry) => [entry, start.config(entry)])));
    const compiler = this.bestCompiler();
    if (compiler === null) return;
    for (const change of changes) {
      if (!this.tools.budgetLeft()) return;
      const configs = Object.fromEntries(this.entries().map((entry) => [entry, change.apply(this.best(compiler, entry)!.config)]));
      if (Object.entries(configs).some(([entry, config]) => !this.wasTried(compiler, entry, config)))
        await this.try(compiler, change.label, configs);
    }
  }

  /** The best of what is left, per entry; null where an entry has nothing left. */
  bestCandidate(): { candidate: Candidate; configs: Record<string, EntryConfig>; summary: string } | null {
    const compiler = this.bestCompiler();
    if (compiler === null) return null;
    const configs = Object.fromEntries(this.entries().map((entry) => [entry, this.best(compiler, entry)!.config]));
    const summary = `${compiler}: ${this.entries()
      .map((entry) => `${entry} ${describeConfig(configs[entry]!)}`)
      .join("; ")}`;
    return { candidate: lowerToCandidate(this.briefing, this.loaded, compiler, configs), configs, summary };
  }

  /**
   * Takes a configuration out for good, and all that share its arithmetic, for one entry: the liberties that it allowed the compiler,
   * in whatever order sums are taken; where it allowed none, its order.
   */
  refuse(entry: string, config: EntryConfig): void {
    const alike = (tried: EntryConfig): boolean =>
      configArithmetic(tried) === configArithmetic(config) && (config.mathematics.length > 0 || tried.order === config.order);
    this.refuseWhere((tried) => tried.entry === entry && alike(tried.config));
  }

  /** Takes out all that allows a compiler other arithmetic than the reference's. */
  refuseLiberties(): void {
    this.refuseWhere(({ config }) => config.mathematics.length > 0);
  }

  private entries(): string[] {
    return Object.keys(this.loaded.spec.entries);
  }

  private compilers(): string[] {
    return this.briefing.tuningSpace.compilers.filter((name) => this.briefing.toolchains.some((toolchain) => toolchain.name === name));
  }

  private startingPoints(): { label: string; config: (entry: string) => EntryConfig }[] {
    const { tuningSpace } = this.briefing;
    const plain = (): EntryConfig => ({
      order: "SERIAL",
      optimisation: tuningSpace.optimisation[0]!,
      mathematics: [],
      vectors: [],
      unrolling: [],
      parallel: true,
      simdLoops: false,
      tunables: {},
    });
    const list = [{ label: "as the reference stands", config: plain }];
    for (const mathematics of tuningSpace.mathematics.slice(1))
      list.push({ label: `vector sums, ${mathematics.join(" ")}`, config: () => ({ ...plain(), order: "SIMD" as const, mathematics }) });
    return list;
  }

  private changes(): Change[] {
    const { tuningSpace } = this.briefing;
    const list: Change[] = [
      { label: "16 partial sums", apply: (config) => ({ ...config, order: "BLOCKED" }) },
      { label: "simd on inner independent loops", apply: (config) => ({ ...config, simdLoops: true }) },
      ...tuningSpace.vectors
        .slice(1)
        .map((vectors) => ({ label: vectors.join(" "), apply: (config: EntryConfig) => ({ ...config, vectors }) })),
      ...tuningSpace.unrolling
        .slice(1)
        .map((unrolling) => ({ label: unrolling.join(" "), apply: (config: EntryConfig) => ({ ...config, unrolling }) })),
      ...tuningSpace.optimisation
        .slice(1)
        .map((optimisation) => ({ label: optimisation, apply: (config: EntryConfig) => ({ ...config, optimisation }) })),
    ];
    const values = new Map<string, Set<number>>();
    for (const entry of Object.values(this.loaded.spec.entries))
      for (const [macro, choices] of Object.entries(entry.tunables ?? {}))
        values.set(macro, new Set([...(values.get(macro) ?? []), ...choices]));
    for (const [macro, choices] of values)
      for (const value of choices)
        list.push({ label: `${macro}=${value}`, apply: (config) => ({ ...config, tunables: { ...config.tunables, [macro]: value } }) });
    return list;
  }

  private async try(compiler: string, label: string, configs: Record<string, EntryConfig>): Promise<void> {
    if (!this.tools.budgetLeft()) return;
    const own = Object.fromEntries(Object.entries(configs).map(([entry, config]) => [entry, this.keepOwnTunables(entry, config)]));
    const result = await this.tools.measure({
      label: `${compiler}, ${label}`,
      candidate: lowerToCandidate(this.briefing, this.loaded, compiler, own),
    });
    for (const [entry, trial] of Object.entries(result.entries))
      if (trial.status === "measured") this.tried.push({ compiler, entry, config: own[entry]!, seconds: trial.seconds });
  }

  /** A tunable concerns the entries that declare it. */
  private keepOwnTunables(entry: string, config: EntryConfig): EntryConfig {
    const declared = this.loaded.spec.entries[entry]!.tunables ?? {};
    return { ...config, tunables: Object.fromEntries(Object.entries(config.tunables).filter(([macro]) => macro in declared)) };
  }

  private wasTried(compiler: string, entry: string, config: EntryConfig): boolean {
    const key = configKey(this.keepOwnTunables(entry, config));
    return this.tried.some((tried) => tried.compiler === compiler && tried.entry === entry && configKey(tried.config) === key);
  }

  private best(compiler: string, entry: string): Tried | null {
    const left = this.tried.filter(
      (tried) => tried.compiler === compiler && tried.entry === entry && !this.refused.has(triedKey(compiler, entry, tried.config)),
    );
    return left.sort((a, b) => a.seconds - b.seconds)[0] ?? null;
  }

  private refuseWhere(isRefused: (tried: Tried) => boolean): void {
    for (const tried of this.tried) if (isRefused(tried)) this.refused.add(triedKey(tried.compiler, tried.entry, tried.config));
  }

  /** Smallest product of times over the entries, each counting alike. */
  private bestCompiler(): string | null {
    const totals = this.compilers().map((compiler) => {
      const bests = this.entries().map((entry) => this.best(compiler, entry));
      return { compiler, total: bests.reduce((sum, tried) => sum + (tried ? Math.log(tried.seconds) : Number.POSITIVE_INFINITY), 0) };
    });
    const [winner] = totals.sort((a, b) => a.total - b.total);
    return winner && Number.isFinite(winner.total) ? winner.compiler : null;
  }
}

const configArithmetic = (config: EntryConfig): string => config.mathematics.join(" ");
const triedKey = (compiler: string, entry: string, config: EntryConfig): string => `${compiler} ${entry} ${configKey(config)}`;
