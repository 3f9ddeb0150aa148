import type { MachineLoad } from "../../specs/contracts/verdict.js";
import { thresholds } from "../thresholds.js";
import { type ForeignLoad, isDisturbed, type LoadWindow, meanLoad } from "./foreign-load.js";
import { mayDecideAfter } from "./sequential-test.js";
import type { Unit } from "./units.js";

/** Units of a duel by windows of time: those of a window in which others used the machine are thrown away. */
export class QuietUnits {
  readonly kept: Unit[] = [];
  thrownAway = 0;
  private window: Unit[] = [];
  private readonly windows: LoadWindow[] = [];

  constructor(private readonly foreign: ForeignLoad) {}

  add(unit: Unit): void {
    this.window.push(unit);
  }

  /** A load that is read over too short a while says nothing; where a decision may fall it ends sooner. */
  windowIsLongEnough(): boolean {
    const { leastWindowMs, foreignWindowMs } = thresholds;
    return this.foreign.windowMs() >= (mayDecideAfter(this.kept.length + this.window.length) ? leastWindowMs : foreignWindowMs);
  }

  /** The units of the window, in order, to be kept one by one until they decide; null where it was disturbed. */
  closeWindow(): Unit[] | null {
    const units = this.window;
    this.window = [];
    const load = this.foreign.closeWindow();
    if (isDisturbed(load)) {
      this.thrownAway += units.length;
      return null;
    }
    this.windows.push(load);
    return units;
  }

  /** What others had of the machine while the quiet windows lasted. */
  load(): MachineLoad {
    return meanLoad(this.windows);
  }
}
