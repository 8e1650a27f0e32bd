/** What became of a time of a schedule, in words. */
import type { Firing } from "@fermata/core/Schedule"

/** What was started, or why nothing was. */
export const told = ({ event, outcome, problem, run, task }: Firing): string =>
  run !== undefined && outcome === "started"
    ? `run ${run}`
    : event !== undefined
    ? `event ${event}`
    : task !== undefined && outcome === "started"
    ? `task ${task}`
    : problem ?? ""

/** The same as the end of a sentence about the schedule. */
export const sentence = (firing: Firing): string =>
  firing.outcome === "started"
    ? `has started ${told(firing)}`
    : firing.outcome === "buffered"
    ? "fires when what goes on has ended"
    : `has started nothing: ${firing.problem ?? "nobody knows why"}`
