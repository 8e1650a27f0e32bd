/**
 * What a run costs the processor: calls of functions, as V8 counts them, texts of JSON, and turns of the event loop.
 * They are counted and not timed, so a slow machine changes nothing, and they are the same each time. Statements are
 * counted in `Statements.test.ts`.
 *
 * A figure that has grown fails. Whoever makes runs do more writes the new figure here, and says in the commit what it
 * is for; whoever makes them do less writes the lower one, so that it stays so. A new version of Effect or of Node may
 * need new figures too.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as TempFolder from "./support/TempFolder.ts"

type Figures = Readonly<Record<string, number>>

/**
 * A twentieth above what was counted last for Fermata, since a module that is cut in two calls itself a few times more,
 * and a hair for the rest.
 */
const most: Readonly<Record<string, Figures>> = {
  "a run with no step": { fermata: 750, effect: 1_932, json: 13, characters: 165, timers: 0, turns: 6 },
  "its first step": { fermata: 353, effect: 375, json: 8, characters: 65, timers: 0, turns: 1 },
  "each step of fifteen more": { fermata: 313, effect: 289, json: 9, characters: 79, timers: 0, turns: 1 },
  "a signal and the end of the run": { fermata: 586, effect: 1_304, json: 21, characters: 588, timers: 0, turns: 8 }
}

const minus = (more: Figures, less: Figures): Figures =>
  Object.fromEntries(Object.entries(more).map(([name, figure]) => [name, figure - less[name]!]))

/** What the program of `support/Work.ts` counts on a new database. */
const counted = Effect.map(TempFolder.make, (folder): Readonly<Record<string, Figures>> => {
  const program = fileURLToPath(new URL("support/Work.ts", import.meta.url))
  const db = join(folder, "fermata.db")
  const env = { ...process.env, NODE_OPTIONS: "", NODE_V8_COVERAGE: "" }
  const figures = JSON.parse(execFileSync(process.execPath, [program, db], { encoding: "utf8", env })) as Record<
    string,
    Figures
  >
  const run = (steps: number) => figures[`a run of ${steps} steps`]!
  const fifteen = minus(run(20), run(5))
  return {
    "a run with no step": run(0),
    "its first step": minus(run(1), run(0)),
    "each step of fifteen more": Object.fromEntries(
      Object.entries(fifteen).map(([name, figure]) => [name, figure / 15])
    ),
    "a signal and the end of the run": figures["a signal and the end of the run"]!
  }
})

describe("the processor", () => {
  it.live("does no more for a run and for a step than it did, and each time the same", () =>
    Effect.gen(function*() {
      const figures = yield* counted
      const grown = Object.entries(most).flatMap(([work, limits]) =>
        Object.entries(limits).flatMap(([name, limit]) => {
          const figure = figures[work]![name]!
          return figure > limit ? [`${work}: ${name} ${figure}, at most ${limit}`] : []
        })
      )
      assert.deepStrictEqual(grown, [], JSON.stringify(figures))
      for (const { effect, fermata } of Object.values(figures)) assert.isTrue(fermata! > 100 && effect! > 100)
      assert.deepStrictEqual(yield* counted, figures)
    }).pipe(Effect.scoped))
})
