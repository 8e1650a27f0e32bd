/**
 * Simulates until so many workflow runs have been lived through:
 * `npm run simulate -- [--runs N] [--seed S] [--only NAME [--lives N] [--tape T]]`.
 *
 * One thing alone goes through all its crash points, and through so many random
 * lives: `npm run simulate:agents` does so with an agent, in 2,000.
 *
 * Prints one JSON line. Each violation goes to stderr, with what lives it
 * again. Exits with 1 when there is one.
 */
import * as Simulator from "@fermata/testing/Simulator"
import { Effect, Result } from "effect"
import { createHash } from "node:crypto"
import { performance } from "node:perf_hooks"
import { type Case, cases, random } from "./cases.ts"
import { BadUsage, type Ended, ended, exit, optionsOf, progress, tell, whole } from "./Command.ts"

/** Random programs are made a batch at a time. */
const batch = 25

const named = (name: string): Case => {
  const [, number, of] = /^random program (\d+) of seed (\d+)$/.exec(name) ?? []
  const found = number === undefined
    ? cases.find((one) => one.name === name)
    : random(Number(of), Number(number)).at(-1)
  if (found !== undefined) return found
  const all = cases.map((one) => `"${one.name}"`).join(", ")
  throw new BadUsage(`there is nothing "${name}" to simulate; there are ${all}`)
}

/** The commit of the working directory, or null. */
const commitOf = async (): Promise<string | null> => {
  const { execFileSync } = await import("node:child_process")
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return null
  }
}

interface Around {
  /** Told of each violation as soon as it is found. */
  readonly tell: (violation: string) => void
  readonly commit: string | null
}

export const simulate = (
  args: ReadonlyArray<string>,
  { commit, tell }: Around = { commit: null, tell: () => {} }
): Promise<Ended> =>
  ended("npm run simulate -- [--runs N] [--seed S] [--only NAME [--lives N] [--tape T]]", async () => {
    const options = optionsOf(args, ["runs", "seed", "only", "lives", "tape"])
    const wanted = whole("runs", options.runs ?? "2000")
    const seed = whole("seed", options.seed ?? "4314")
    if (options.tape !== undefined && options.only === undefined) {
      throw new BadUsage("--tape needs --only NAME, the name of what it is of")
    }
    if (options.lives !== undefined && options.only === undefined) {
      throw new BadUsage("--lives needs --only NAME, the name of what is to live so often")
    }
    const lives = options.lives === undefined ? undefined : whole("lives", options.lives)
    const only = options.only === undefined ? undefined : named(options.only)
    const total = { runs: 0, lives: 0, crashPoints: 0, simulatedMs: 0, violations: 0 }
    const history = createHash("sha256")
    const journals = createHash("sha256")
    const violations: Array<string> = []
    const started = performance.now()

    const explore = Effect.fnUntraced(function*(one: Case, more: Partial<Simulator.Options>) {
      const result = yield* Effect.result(Simulator.exploreFrom(one.start, { ...one.options, ...more }))
      if (Result.isSuccess(result)) {
        const { success: report } = result
        total.runs += report.runs
        total.lives += report.lives
        total.crashPoints += report.crashPoints
        total.simulatedMs += report.simulatedMs
        history.update(report.history)
        journals.update(report.journals)
      } else {
        total.violations++
        history.update(result.failure.message)
        const again = `npm run simulate -- --seed ${seed} --only "${one.name}" --tape "${result.failure.tape}"`
        const violation = `${one.name}: ${result.failure.message}\n  ${again}\n`
        violations.push(violation)
        tell(violation)
      }
      progress(`${total.runs} of ${wanted} runs, ${total.violations} violations`)
    })

    await Effect.runPromise(Effect.gen(function*() {
      if (only !== undefined) {
        return yield* explore(only, {
          seed,
          ...(lives === undefined ? {} : { lives }),
          ...(options.tape === undefined ? {} : { tape: options.tape })
        })
      }
      for (let round = 0; total.runs < wanted; round++) {
        const durability = round % 2 === 0 ? "full" : "normal"
        for (const one of [...cases, ...random(seed + round, batch)]) {
          if (total.runs >= wanted) break
          const ends = durability === "normal" && one.timely === true ? { ends: "any" as const } : {}
          yield* explore(one, { seed: seed + round, mode: "random", lives: 5, durability, ...ends, ...one.always })
        }
        // In each round one more goes through all its crash points.
        const one = cases[round]
        if (one !== undefined && total.runs < wanted) yield* explore(one, { seed, mode: "enumerate" })
      }
    }))
    const report = {
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
    }
    return {
      status: total.violations === 0 ? 0 : 1,
      stdout: `${JSON.stringify(report)}\n`,
      stderr: violations.join("")
    }
  })

if (import.meta.main) exit(await simulate(process.argv.slice(2), { commit: await commitOf(), tell }))
