import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { lawRuns } from "./support/LawRuns.ts"
import { forks } from "./support/RandomFork.ts"
import {
  failures,
  type Hardship,
  kills,
  live,
  moments,
  ownerless,
  replay,
  seldom,
  type Story,
  story
} from "./support/RandomLife.ts"

const calm: Hardship = { evictions: [], stops: [], freezes: [], failures: [], kills: [] }

/** How many programs, and which. */
const numRuns = lawRuns({ short: 80, long: 200 })
const seed = Number(process.env["FERMATA_LAW_SEED"] ?? 4314)
/** A longer search takes longer than other tests may. */
const longest = numRuns > 200 ? numRuns * 1_000 : undefined

/** Any random program, and any of these hardships, under the law. */
const law = <A>(hardship: fc.Arbitrary<A>, check: (story: Story, hardship: A) => Effect.Effect<void, unknown>) =>
  fc.assert(
    fc.asyncProperty(story, hardship, (story, hardship) => Effect.runPromise(check(story, hardship))),
    { numRuns, seed, timeout: 60_000 }
  )

/** With a test clock of its own. */
const alone = <A, E>(life: Effect.Effect<A, E>) => Effect.provide(life, [TestClock.layer(), Logger.layer([])])

describe("any program", () => {
  it(
    "S6, S9: a replay of its journal sees what the run saw, and comes to the same end",
    () =>
      law(
        fc.constant(calm),
        Effect.fnUntraced(function*(story, hardship) {
          const life = yield* alone(live(story, hardship))
          assert.strictEqual(life.passes, 1)
          yield* alone(replay(story.program, life))
        })
      ),
    longest
  )

  it(
    "writes the same journal, evicted at any moments or never",
    () =>
      law(
        moments,
        Effect.fnUntraced(function*(story, evictions) {
          const calmly = yield* alone(live(story, calm))
          const evicted = yield* alone(live(story, { ...calm, evictions }))
          assert.deepStrictEqual(evicted.journal.map(ownerless), calmly.journal.map(ownerless))
        })
      ),
    longest
  )

  it(
    "S1, S4, S5, S9: killed, stopped and frozen at any writes, on a store that fails, it ends, repeats nothing that is recorded, and replays",
    () =>
      law(
        fc.record({ evictions: moments, stops: moments, freezes: seldom, failures, kills }),
        Effect.fnUntraced(function*(story, hardship) {
          const life = yield* alone(live(story, hardship))
          yield* alone(replay(story.program, life))
        })
      ),
    longest
  )

  it(
    "N-55: killed and stopped at any writes, and forked at any step, sees up to there what it saw, and comes to an end; and so does a fork of the fork",
    () =>
      law(
        fc.record({ choice: fc.nat(), stops: seldom, kills }),
        Effect.fnUntraced(function*(story, { choice, ...hardship }) {
          const life = yield* alone(live(story, { ...calm, ...hardship }))
          yield* alone(forks(story.program, life, choice))
        })
      ),
    longest
  )

  it(
    "N-43: killed and stopped at any writes while its code is changed behind patch markers, never diverges, and ends",
    () =>
      law(
        fc.record({ evictions: moments, stops: moments, kills, renewedAfter: fc.integer({ min: 1, max: 3 }) }),
        Effect.fnUntraced(function*(story, hardship) {
          yield* alone(live(story, { ...calm, ...hardship }))
        })
      ),
    longest
  )
})
