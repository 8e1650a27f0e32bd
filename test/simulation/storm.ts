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
import { parseArgs } from "node:util"
import { layer, storm } from "./storms.ts"

const usage = (problem: string): never => {
  process.stderr.write(`${problem}\n  npm run storm -- [--runs N] [--seed S]\n`)
  process.exit(2)
}
const whole = (name: string, text: string): number =>
  /^\d{1,9}$/.test(text) && Number(text) > 0
    ? Number(text)
    : usage(`--${name} is "${text}"; it must be a whole number from 1`)
const options = (() => {
  try {
    return parseArgs({ options: { runs: { type: "string" }, seed: { type: "string" } } }).values
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
})()
const wanted = whole("runs", options.runs ?? "2000")
const seed = whole("seed", options.seed ?? "4314")

/** How a broken promise shows in a storm. */
const kinds: Readonly<Record<string, "divergences" | "stuck" | "lostWakeUps">> = {
  S9: "divergences",
  S4: "stuck",
  S13: "stuck",
  S6: "lostWakeUps",
  S7: "lostWakeUps",
  S11: "lostWakeUps"
}
const total = { runs: 0, divergences: 0, stuck: 0, lostWakeUps: 0, others: 0 }
const history = createHash("sha256")
const journals = createHash("sha256")
/** Runs in large shapes. */
let large = 0
const started = performance.now()

const all = Effect.gen(function*() {
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
      process.stderr.write(`storm ${round}: ${result.failure.message}\n`)
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${total.runs} of ${wanted} runs `)
  }
})

await Effect.runPromise(all)
if (process.stderr.isTTY) process.stderr.write("\n")
process.stdout.write(`${
  JSON.stringify({
    ...total,
    seed,
    ms: Math.round(performance.now() - started),
    history: history.digest("hex"),
    journals: journals.digest("hex")
  })
}\n`)
process.exit(total.divergences + total.stuck + total.lostWakeUps + total.others === 0 ? 0 : 1)
