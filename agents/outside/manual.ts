import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Agent } from "../../specs/contracts/agent.js";
import { launcher, openDesk } from "../desk/open-desk.js";

const lookEveryMs = 250;

/** Anyone: prepares a folder and waits for `forge submit` in it, each submission an attempt of the run. */
export const manual: Agent = {
  name: "manual",
  async work(tools) {
    const desk = await openDesk(tools);
    try {
      tools.note(
        `waiting for work in ${relative(process.cwd(), desk.folder)}: read AGENTS.md there; \`${launcher} submit "what is new"\` makes an attempt`,
      );
      let done = false;
      void desk.finished.then(() => {
        done = true;
      });
      while (!done && tools.budgetLeft()) await sleep(lookEveryMs);
    } finally {
      await desk.close();
    }
  },
};
