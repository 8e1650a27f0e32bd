import { assert, describe, it } from "@effect/vitest"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as Runs from "../src/Runs.ts"
import * as Workflows from "../src/Workflows.ts"

const payload = { id: Schema.String, note: Schema.String }
const Keyed = Workflow.make("keyed", { payload, idempotencyKey: ({ id }) => id })
const Titled = Workflow.make("titled", { payload, idempotencyKey: ({ id }) => id }).annotate(
  Workflows.Title,
  ({ note }: { readonly note: string }) => `about ${note}`
)
const Failing = Workflow.make("failing", { payload, idempotencyKey: ({ id }) => id }).annotate(
  Workflows.Title,
  () => {
    throw new Error("no title")
  }
)
const Parent = Workflow.make("parent", { payload, idempotencyKey: ({ id }) => id })

const app = Layer.mergeAll(
  Keyed.toLayer(() => Effect.void),
  Titled.toLayer(() => Effect.void),
  Failing.toLayer(() => Effect.void),
  Parent.toLayer(({ id, note }) => Titled.execute({ id, note }, { discard: true })),
  Runs.Runs.layer
).pipe(Layer.provideMerge(TestHost.layer))

const about = (id: string) =>
  Effect.map(Runs.Runs.use((runs) => runs.find(id)), ({ labels, title }) => ({ labels, title }))

describe("the title of a run", () => {
  it.effect("is what its workflow says of its payload, else its key, else the first short text of its input", () =>
    Effect.gen(function*() {
      const given = { id: "k-1", note: "a note" }
      assert.deepInclude(yield* about(yield* Titled.execute(given, { discard: true })), { title: "about a note" })
      assert.deepInclude(yield* about(yield* Keyed.execute(given, { discard: true })), { title: "k-1" })
      assert.deepInclude(yield* about(yield* Failing.execute(given, { discard: true })), { title: "k-1" })
      const { start } = yield* Runs.Runs
      const started = (workflow: string, options: Parameters<typeof start>[2], input: unknown = given) =>
        Effect.flatMap(start(workflow, input, options), ({ runId }) => about(runId))
      assert.deepInclude(yield* started("titled", { new: true }), { title: "about a note" })
      assert.deepInclude(yield* started("keyed", { key: "mine" }), { title: "k-1" })
      assert.deepInclude(yield* started("keyed", { new: true, title: "by\n hand  " }), { title: "by hand" })
      const long = yield* started("keyed", { new: true, title: "x".repeat(1_000) })
      assert.strictEqual(long.title, `${"x".repeat(79)}…`)
    }).pipe(Effect.provide(app)))

  it.effect("is that of its own workflow where another run starts it", () =>
    Effect.gen(function*() {
      const host = yield* TestHost
      yield* Parent.execute({ id: "p", note: "below" }, { discard: true })
      yield* host.settled
      const runs = yield* Runs.Runs.use((runs) => runs.list({ workflow: "titled" }))
      assert.deepStrictEqual(runs.map(({ title }) => title), ["about below"])
    }).pipe(Effect.provide(app)))
})

describe("the labels of a run", () => {
  it.effect("are given at its start, and are what it is found by", () =>
    Effect.gen(function*() {
      const { list, start } = yield* Runs.Runs
      const given = (id: string) => ({ id, note: "n" })
      const first = yield* start("keyed", given("1"), { labels: { customer: "acme" } })
      yield* start("keyed", given("2"), { labels: { customer: "other" } })
      yield* start("keyed", given("3"))
      const found = yield* list({ labels: { customer: "acme" } })
      assert.deepStrictEqual(found.map(({ id, labels }) => [id, labels]), [[first.runId, { customer: "acme" }]])
      assert.isUndefined((yield* list({ limit: 1 }))[0]!.labels)
    }).pipe(Effect.provide(app)))

  it.effect("are refused where they are too many, too long, or have no proper name", () =>
    Effect.gen(function*() {
      const { list, start } = yield* Runs.Runs
      const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`l${index}`, "v"]))
      for (
        const [labels, problem] of [
          [many, "it has 21 labels; at most 20 are kept"],
          [{ "no name": "v" }, `the name of its label "no name" is none`],
          [{ empty: "" }, "its label empty has 0 characters; give 1 to 200"],
          [{ long: "x".repeat(201) }, "its label long has 201 characters; give 1 to 200"]
        ] as const
      ) {
        const failure = yield* Effect.flip(start("keyed", { id: "1", note: "n" }, { labels }))
        assert.include(failure.message, problem)
      }
      assert.deepStrictEqual(yield* list(), [])
    }).pipe(Effect.provide(app)))
})
