import { assert, describe, it } from "@effect/vitest"
import { Runs } from "@fermata/engine/Runs"
import { TaskFailed, Tasks } from "@fermata/engine/Tasks"
import { Instances } from "@fermata/operations/Instances"
import * as Machine from "@fermata/operations/Machine"
import * as Templates from "@fermata/operations/Templates"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, type Scope } from "effect"

const app = Layer.mergeAll(Instances.layer(Templates.all), ...Templates.all.map(({ layer }) => layer)).pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Tasks.layer)),
  Layer.provideMerge(TestHost.layer)
)
type Services = Layer.Success<typeof app> | Scope.Scope
const test = (title: string, body: Effect.Effect<void, unknown, Services>) =>
  it.effect(title, () => Effect.provide(body, app))

const settled = Effect.flatMap(TestHost, (host) => host.settled)
const wiki = { slug: "aibtc-basics", topic: "AIBTC basics", output_path: "community-wiki/aibtc-basics.md" }
const goal = { summary: "Answer Ada", objective: "Ada knows what she asked" }
const show = (key: string) => Effect.flatMap(Instances, (instances) => instances.show(key))
const history = (key: string) => Effect.map(show(key), (found) => found.history.map(({ to }) => to).join(" "))
const tasks = Effect.flatMap(Tasks, (tasks) => tasks.list())
const serve = (run: (round: number) => unknown) =>
  Effect.gen(function*() {
    let round = 0
    const { serve } = yield* Tasks
    yield* serve({ queue: "default", run: () => Effect.suspend(() => Effect.succeed(run(++round))) })
    yield* settled
  })

describe("instances of machines", () => {
  test(
    "R-48, R-49: an instance is made by its key, once, is in its first state, and has one task there",
    Effect.gen(function*() {
      const { create } = yield* Instances
      const first = yield* create("community-research", "lumen-community-wiki", wiki)
      yield* settled
      const again = yield* create("community-research", "lumen-community-wiki", wiki)
      yield* settled
      assert.deepStrictEqual([first.joined, again.joined, again.runId], [false, true, first.runId])
      assert.deepInclude(yield* show("lumen-community-wiki"), {
        template: "community-research",
        key: "lumen-community-wiki",
        state: "research",
        context: wiki,
        status: "suspended",
        allowed: ["draft-community-wiki-outline", "abandoned"]
      })
      const [task, ...others] = yield* tasks
      assert.deepStrictEqual(others, [])
      assert.deepInclude(task, { kind: "community-research", subject: "AIBTC basics: research", status: "queued" })
      const { payload } = yield* Effect.flatMap(Tasks, (tasks) => tasks.show(task!.id))
      assert.deepStrictEqual(payload, { ...wiki, stage: "research", last: null })
      const wrong = yield* Effect.flip(create("community-research", "other", { slug: 1 }))
      assert.strictEqual(wrong._tag, "PayloadRefused")
    })
  )

  test(
    "R-50: a goal is pursued in rounds, each told what the last one found, until one says that it is met",
    Effect.gen(function*() {
      const { create } = yield* Instances
      yield* create("goal-loop", "discord-message-123", goal)
      yield* settled
      yield* serve((round) => ({ round, met: round === 3 }))
      const found = yield* show("discord-message-123")
      assert.deepInclude(found, { state: "met", status: "completed", allowed: [] })
      assert.deepStrictEqual(found.results, [{ round: 1, met: false }, { round: 2, met: false }, {
        round: 3,
        met: true
      }])
      assert.strictEqual(yield* history("discord-message-123"), "pursue pursue pursue met")
    })
  )

  test(
    "R-51, R-52, R-63, R-64: instances are listed with what they are, one is shown with its history, and one that is not there is named",
    Effect.gen(function*() {
      const { create, list } = yield* Instances
      assert.deepStrictEqual(yield* list(), [])
      yield* create("goal-loop", "g", goal)
      yield* create("community-research", "w", wiki)
      yield* settled
      const listed = yield* list()
      assert.sameMembers(listed.map(({ key, state, template }) => `${template} ${key} ${state}`), [
        "goal-loop g pursue",
        "community-research w research"
      ])
      assert.strictEqual((yield* list({ template: "goal-loop" })).length, 1)
      assert.deepStrictEqual((yield* show("g")).history, [{ at: 0, to: "pursue" }])
      const lost = yield* Effect.flip(show("nowhere"))
      assert.strictEqual(lost.message, `There is no instance "nowhere"`)
    })
  )

  test(
    "R-53, R-65: a move that the machine has is recorded, with who made it, and its task is left; any other is refused, and the state stays",
    Effect.gen(function*() {
      const { create, move } = yield* Instances
      yield* create("community-research", "w", wiki)
      yield* settled
      yield* move("w", "draft-community-wiki-outline", { by: "ada", note: "known already" })
      yield* settled
      const found = yield* show("w")
      assert.strictEqual(found.state, "draft-community-wiki-outline")
      assert.deepStrictEqual(found.history.at(-1), {
        at: 0,
        to: "draft-community-wiki-outline",
        from: "research",
        by: "ada",
        note: "known already"
      })
      assert.deepStrictEqual(
        (yield* tasks).map(({ status, subject }) => `${subject} ${status}`),
        ["AIBTC basics: draft-community-wiki-outline queued", "AIBTC basics: research cancelled"]
      )
      const refused = yield* Effect.flip(move("w", "published", { by: "ada" }))
      assert.strictEqual(
        refused.message,
        `Instance "w" does not go from "draft-community-wiki-outline" to "published"; it goes on to "write", "research", "abandoned"`
      )
      yield* move("w", "abandoned", { by: "ada" })
      yield* settled
      const over = yield* Effect.flip(move("w", "write", { by: "ada" }))
      assert.strictEqual(over.message, `Instance "w" has ended in "abandoned" and goes nowhere`)
      assert.strictEqual((yield* show("w")).state, "abandoned")
    })
  )

  test(
    "R-54: a state has one task, however often it is looked at and whatever process has it",
    Effect.gen(function*() {
      const { create } = yield* Instances
      yield* create("goal-loop", "g", goal)
      yield* settled
      const host = yield* TestHost
      for (let look = 0; look < 3; look++) {
        yield* host.adjust(3_600_000)
        yield* create("goal-loop", "g", goal)
        yield* settled
      }
      assert.lengthOf(yield* tasks, 1)
    })
  )

  test(
    "R-62: a machine that is not there is refused with those that are",
    Effect.gen(function*() {
      const { create } = yield* Instances
      const refused = yield* Effect.flip(create("gaol-loop", "g", goal))
      assert.strictEqual(
        refused.message,
        `There is no machine "gaol-loop"; known are "community-research", "goal-loop"`
      )
      assert.deepStrictEqual(yield* Effect.flatMap(Runs, (runs) => runs.list()), [])
    })
  )

  test(
    "an instance whose task is not done, or leads nowhere, says why, and waits for somebody to move it",
    Effect.gen(function*() {
      const { create, move } = yield* Instances
      const { serve } = yield* Tasks
      yield* serve({
        queue: "default",
        run: () => Effect.fail(new TaskFailed({ message: "no such wiki", retryable: false }))
      })
      yield* create("community-research", "w", wiki)
      yield* settled
      const found = yield* show("w")
      assert.strictEqual(found.state, "research")
      assert.include(found.problem, "no such wiki")
      yield* move("w", "abandoned", { by: "ada" })
      yield* settled
      const left = yield* show("w")
      assert.deepInclude(left, { state: "abandoned", status: "completed" })
      assert.isUndefined(left.problem)
      assert.throws(
        () => Machine.make("broken", { context: {}, initial: "a", states: { a: { to: ["b" as "a"] } } }),
        /leads from "a" to "b", which is no state of it/
      )
    })
  )
})
