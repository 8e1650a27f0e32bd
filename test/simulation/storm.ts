/**
 * Storms until so many workflow runs have been through one:
 * `npm run storm -- [--runs N] [--seed S]`. One run in a hundred is of a shape
 * with more than 50 steps or signals: 500 steps at once, 1,000 signals.
 *
 * Prints one JSON line. Exits with 1 when a run diverged, was stuck or slept
 * through what should have woken it.
 */
import * as Simulator from "@fermata/testing/Simulator"
import { Effect, Result } from "effect"
import { createHash } from "node:crypto"
import { performance } from "node:perf_hooks"
import { type Ended, ended, exit, optionsOf, progress, tell, whole } from "./Command.ts"
import { layer, storm } from "./storms.ts"

/** How a broken promise shows in a storm. */
const kinds: Readonly<Record<string, "divergences" | "stuck" | "lostWakeUps">> = {
  S9: "divergences",
  S4: "stuck",
  S13: "stuck",
  S6: "lostWakeUps",
  S7: "lostWakeUps",
  S11: "lostWakeUps"
}

/** `told` hears of each violation as soon as it is found. */
export const storms = (
  args: ReadonlyArray<string>,
  told: (violation: string) => void = () => {}
): Promise<Ended> =>
  ended("npm run storm -- [--runs N] [--seed S]", async () => {
    const options = optionsOf(args, ["runs", "seed"])
    const wanted = whole("runs", options.runs ?? "2000")
    const seed = whole("seed", options.seed ?? "4314")
    const total = { runs: 0, divergences: 0, stuck: 0, lostWakeUps: 0, others: 0 }
    const violations: Array<string> = []
    const history = createHash("sha256")
    const journals = createHash("sha256")
    /** Runs in large shapes. */
    let large = 0
    const started = performance.now()

    await Effect.runPromise(Effect.gen(function*() {
      for (let round = 1; total.runs < wanted; round++) {
        const wide = large < total.runs / 100
        // Large shapes come three at a time, beside small ones of every kind.
        if (wide) large += 3
        const start = wide
          ? storm(`${round}`, 1_000, 500)
          : Effect.forEach([1, 2, 3], (part) => storm(`${round}.${part}`, 12, 10), { discard: true })
        const result = yield* Effect.result(Simulator.exploreFrom(start, {
          layer,
          signals: { ping: 1 },
          ends: "any",
          mode: "random",
          lives: 1,
          // Whose senders died may have to be given each of 1,000 signals one at a time.
          turns: 50_000,
          seed: seed * 1_000_000 + round,
          shorten: !wide,
          undisturbed: false
        }))
        if (Result.isSuccess(result)) {
          total.runs += result.success.runs
          history.update(result.success.history)
          journals.update(result.success.journals)
        } else {
          total[kinds[result.failure.promise] ?? "others"]++
          total.runs++
          const violation = `storm ${round}: ${result.failure.message}\n`
          violations.push(violation)
          told(violation)
        }
        progress(`${total.runs} of ${wanted} runs`)
      }
    }))
    const report = {
      ...total,
      seed,
      ms: Math.round(performance.now() - started),
      history: history.digest("hex"),
      journals: journals.digest("hex")
    }
    return {
      status: violations.length === 0 ? 0 : 1,
      stdout: `${JSON.stringify(report)}\n`,
      stderr: violations.join("")
    }
  })

if (import.meta.main) exit(await storms(process.argv.slice(2), tell))
