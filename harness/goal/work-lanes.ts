import type { Agent } from "../../specs/contracts/agent.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import type { GoalDesk } from "./goal-desk.js";
import { LaneTools } from "./lane-tools.js";

/**
 * Has the agent work: alone in the first lane until something passes, then in as many lanes as the strategy has. The first error of
 * a lane ends the others at their next step and is thrown once all are over; nothing judged is lost by it.
 */
export async function workLanes(agent: Agent, desk: GoalDesk): Promise<void> {
  // A resumed run's lanes count from the start, so that one does not decide without those that begin a moment later.
  if (desk.judged.some(isAccepted)) for (let lane = 0; lane < desk.strategy.lanes; lane++) desk.openLane(lane);
  const others = Array.from({ length: desk.strategy.lanes - 1 }, (_, index) => index + 1);
  const results = await Promise.allSettled([
    workLane(agent, desk, 0).finally(() => desk.giveUpWaiting()),
    ...others.map(async (lane) => {
      if (await desk.firstPass()) await workLane(agent, desk, lane);
    }),
  ]);
  const failed = results.find((result) => result.status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

async function workLane(agent: Agent, desk: GoalDesk, lane: number): Promise<void> {
  const opened = desk.run.events().some((event) => event.type === "lane-opened" && event.lane === lane);
  const tools = new LaneTools(desk, lane);
  desk.openLane(lane);
  try {
    if (!opened) tools.begin(lane === 0 ? { base: null, text: null } : desk.opening(lane));
    await agent.work(tools);
  } catch (error) {
    desk.stop();
    throw error;
  } finally {
    desk.closeLane(lane);
  }
}
