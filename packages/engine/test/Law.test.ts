import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { type Hardship, kills, live, moments, ownerless, replay, story } from "./support/RandomLife.ts"

const calm: Hardship = { evictions: [], stops: [], kills: [] }

/** Any random program, and any of these, under the law; each life has a test clock of its own. */
const law = <A>(hardship: fc.Arbitrary<A>, check: (story: Parameters<typeof live>[0], hardship: A) => Effect.Effect<void, unknown>) =>
  fc.assert(
    fc.asyncProperty(story, hardship, (story, hardship) => Effect.runPromise(check(story, hardship))),
    { numRuns: Number(process.env.LAW_RUNS ?? 200), seed: Number(process.env.LAW_SEED ?? 4314), timeout: 5_000 }
  )

const alone = <A, E>(life: Effect.Effect<A, E>) => Effect.provide(life, [TestClock.layer(), Logger.layer([])])

describe("any program", () => {
  it("S6, S9: a replay of its journal sees what the run saw, and comes to the same end", () =>
    law(fc.constant(calm), Effect.fnUntraced(function*(story, hardship) {
      const life = yield* alone(live(story, hardship))
      assert.strictEqual(life.passes, 1)
      yield* alone(replay(story.program, life))
    })), 600_000)

  it("writes the same journal, evicted at any moments or never", () =>
    law(moments, Effect.fnUntraced(function*(story, evictions) {
      const calmly = yield* alone(live(story, calm))
      const evicted = yield* alone(live(story, { ...calm, evictions }))
      assert.deepStrictEqual(evicted.journal.map(ownerless), calmly.journal.map(ownerless))
    })), 600_000)

  it("S1, S4, S9: killed at any writes, it ends, repeats nothing that is recorded, and replays", () =>
    law(fc.record({ evictions: moments, stops: moments, kills }), Effect.fnUntraced(function*(story, hardship) {
      const life = yield* alone(live(story, hardship))
      yield* alone(replay(story.program, life))
    })), 600_000)
})
