/**
 * Simulates until so many workflow runs have been lived through:
 * `npm run simulate -- [--runs N] [--seed S] [--only NAME] [--tape T]`.
 *
 * Prints one JSON line. Each violation goes to stderr, with what lives it
 * again. Exits with 1 when there is one.
 */
import * as Simulator from "@fermata/testing/Simulator"
import { Effect, Result } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { performance } from "node:perf_hooks"
import { parseArgs } from "node:util"
import { type Case, cases, random } from "./cases.ts"

const usage = (problem: string): never => {
  process.stderr.write(`${problem}\n  npm run simulate -- [--runs N] [--seed S] [--only NAME] [--tape T]\n`)
  process.exit(2)
}

const whole = (name: string, text: string): number =>
  /^\d{1,9}$/.test(text) && Number(text) > 0
    ? Number(text)
    : usage(`--${name} is "${text}"; it must be a whole number from 1`)

const options = (() => {
  try {
    return parseArgs({
      options: {
        runs: { type: "string" },
        seed: { type: "string" },
        only: { type: "string" },
        tape: { type: "string" }
      }
    }).values
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
})()
const wanted = whole("runs", options.runs ?? "2000")
const seed = whole("seed", options.seed ?? "4314")
/** Random programs are made a batch at a time. */
const batch = 25

const total = { runs: 0, lives: 0, crashPoints: 0, simulatedMs: 0, violations: 0 }
const history = createHash("sha256")
const journals = createHash("sha256")
const started = performance.now()

const add = (report: Simulator.Report) => {
  total.runs += report.runs
  total.lives += report.lives
  total.crashPoints += report.crashPoints
  total.simulatedMs += report.simulatedMs
  history.update(report.history)
  journals.update(report.journals)
}

const explore = Effect.fnUntraced(function*(one: Case, more: Partial<Simulator.Options>) {
  const result = yield* Effect.result(Simulator.exploreFrom(one.start, { ...one.options, ...more }))
  if (Result.isSuccess(result)) return add(result.success)
  total.violations++
  history.update(result.failure.message)
  process.stderr.write(
    `${one.name}: ${result.failure.message}\n  npm run simulate -- --seed ${seed} --only "${one.name}" --tape "${result.failure.tape}"\n`
  )
})

const progress = () => {
  if (process.stderr.isTTY) process.stderr.write(`\r${total.runs} of ${wanted} runs, ${total.violations} violations `)
}

const named = (name: string): Case => {
  const [, number, of] = /^random program (\d+) of seed (\d+)$/.exec(name) ?? []
  const found = number === undefined
    ? cases.find((one) => one.name === name)
    : random(Number(of), Number(number)).at(-1)
  return found ??
    usage(`there is nothing "${name}" to simulate; there are ${cases.map((one) => `"${one.name}"`).join(", ")}`)
}

const all = Effect.gen(function*() {
  if (options.tape !== undefined && options.only === undefined) {
    usage("--tape needs --only NAME, the name of what it is of")
  }
  if (options.only !== undefined) {
    return yield* explore(named(options.only), { seed, ...(options.tape === undefined ? {} : { tape: options.tape }) })
  }
  for (let round = 0; total.runs < wanted; round++) {
    const durability = round % 2 === 0 ? "full" : "normal"
    for (const one of [...cases, ...random(seed + round, batch)]) {
      if (total.runs >= wanted) break
      const ends = durability === "normal" && one.timely === true ? { ends: "any" as const } : {}
      yield* explore(one, { seed: seed + round, mode: "random", lives: 5, durability, ...ends })
      progress()
    }
    // In each round one more goes through all its crash points.
    const one = cases[round]
    if (one !== undefined && total.runs < wanted) yield* explore(one, { seed, mode: "enumerate" })
  }
})

await Effect.runPromise(all)
if (process.stderr.isTTY) process.stderr.write("\n")
const commit = (() => {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return null
  }
})()
process.stdout.write(`${
  JSON.stringify({
    runs: total.runs,
    violations: total.violations,
    seed,
    crashPoints: total.crashPoints,
    lives: total.lives,
    simulatedMs: total.simulatedMs,
    speed: Math.round(total.simulatedMs / (performance.now() - started)),
    history: history.digest("hex"),
    journals: journals.digest("hex"),
    commit
  })
}\n`)
process.exit(total.violations === 0 ? 0 : 1)
