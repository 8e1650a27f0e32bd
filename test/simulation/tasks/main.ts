/**
 * 100,000 tasks in 1,000 lanes, done by 4 processes of which some are killed:
 * `npm run storm:tasks -- [--tasks N] [--lanes N] [--workers N] [--kills N] [--seed S]`.
 *
 * Prints one JSON line. Exits with 1 when a task was lost or settled twice, a body
 * ran again that no kill had cut off, or the shares of lanes differed by more than a tenth.
 */
import { ended, exit, optionsOf, progress, tell, whole } from "../Command.ts"
import { storm } from "./Storm.ts"

const usage = "npm run storm:tasks -- [--tasks N] [--lanes N] [--workers N] [--kills N] [--seed S]"

exit(
  await ended(usage, async () => {
    const options = optionsOf(process.argv.slice(2), ["tasks", "lanes", "workers", "kills", "seed"])
    const tasks = whole("tasks", options.tasks ?? "100000")
    const { violations, ...outcome } = await storm({
      tasks,
      lanes: whole("lanes", options.lanes ?? "1000"),
      workers: whole("workers", options.workers ?? "4"),
      kills: whole("kills", options.kills ?? "40"),
      seed: whole("seed", options.seed ?? "4314"),
      told: (ended) => progress(`${ended} of ${tasks} tasks`)
    })
    const broken = [
      ...violations,
      ...(outcome.unfairness.untouched > 0.1 ? [`the shares of lanes differ by ${outcome.unfairness.untouched}`] : [])
    ]
    for (const one of broken) tell(`${one}\n`)
    return {
      status: broken.length === 0 ? 0 : 1,
      stdout: `${JSON.stringify({ tasks, ...outcome, violations: broken.length })}\n`,
      stderr: broken.map((one) => `${one}\n`).join("")
    }
  })
)
