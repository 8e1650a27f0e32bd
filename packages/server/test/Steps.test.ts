import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Client, Served } from "./support/Served.ts"

const large = "x".repeat(70_000)

const Work = Workflow.make("work", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

const step = (name: string, output: string) =>
  Step.make(name, { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed(output) })()

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(Work.toLayer(Effect.fnUntraced(function*() {
    yield* step("load", "loaded")
    yield* Step.within(step("weigh", large), "each[0]/")
    yield* Step.make("pay", {
      success: Schema.String,
      error: Schema.String,
      onCrash: "rerun",
      run: () => Effect.fail("no money")
    })()
    return "done"
  }))),
  Layer.provideMerge(TestHost.layer)
)

const begun = Effect.gen(function*() {
  const { ask } = yield* Served
  const started = yield* ask("POST /api/runs", { json: { workflow: "work", input: { id: "1" } } })
  yield* (yield* TestHost).settled
  return { ask, run: String(started.at("runId")) }
})

describe("the routes for steps", () => {
  it.effect("list steps in pages without what they took and gave, and give one with it", () =>
    Effect.gen(function*() {
      const { ask, run } = yield* begun
      const first = yield* ask(`GET /api/runs/${run}/steps?limit=2`)
      assert.deepStrictEqual([first.at("steps.0.key"), first.at("steps.1.key"), first.at("steps.2")], [
        "load",
        "each[0]/weigh",
        undefined
      ])
      assert.notProperty(first.at("steps.0"), "output")
      const second = yield* ask(
        `GET /api/runs/${run}/steps?limit=2&after=${encodeURIComponent(String(first.at("next")))}`
      )
      assert.deepStrictEqual([second.at("steps.0.key"), second.at("steps.0.status"), second.at("next")], [
        "pay",
        "failed",
        undefined
      ])
      assert.strictEqual(second.at("steps.0.problem"), "no money")
      assert.strictEqual((yield* ask(`GET /api/runs/${run}/steps?status=failed`)).at("steps.0.key"), "pay")
      assert.strictEqual((yield* ask(`GET /api/runs/${run}/steps?q=WEIGH`)).at("steps.0.key"), "each[0]/weigh")
      const one = yield* ask(`GET /api/runs/${run}/steps/load`)
      assert.deepStrictEqual([one.at("output"), one.at("large")], ["loaded", undefined])
      const none = yield* ask(`GET /api/runs/${run}/steps/send`)
      assert.deepStrictEqual([none.status, none.at("error.known")], [404, ["load", "each[0]/weigh", "pay"]])
      const astray = yield* ask(`GET /api/runs/${run}/steps?after=nothing`)
      assert.strictEqual(astray.at("detail"), "query.after: no page ends there; give the `next` of a page")
    }).pipe(Effect.provide(app)))

  it.effect("leave a large output out, and say where its bytes are", () =>
    Effect.gen(function*() {
      const { ask, run } = yield* begun
      const found = yield* ask(`GET /api/runs/${run}/steps/${encodeURIComponent("each[0]/weigh")}`)
      assert.notProperty(found.body, "output")
      assert.strictEqual(found.at("large.output.bytes"), large.length + 2)
      const blob = yield* (yield* Runs).blob(String(found.at("large.output.blob")))
      assert.deepStrictEqual(blob, yield* Effect.succeedSome(JSON.stringify(large)))
    }).pipe(Effect.provide(app)))

  it.effect("settle no step that waits for nobody", () =>
    Effect.gen(function*() {
      const { ask, run } = yield* begun
      const answered = yield* ask(`POST /api/runs/${run}/steps/load/settle`, { json: { _tag: "retry" } })
      assert.deepStrictEqual([answered.status, answered.at("error._tag")], [409, "RunClosed"])
      const odd = yield* ask(`POST /api/runs/${run}/steps/load/settle`, { json: { _tag: "maybe" } })
      assert.deepStrictEqual([odd.status, odd.at("error.issues.0.path")], [400, "body"])
    }).pipe(Effect.provide(app)))
})

describe("the route for the journal", () => {
  it.effect("gives entries in pages, each as it stands in the journal, and a large one as the last of its page", () =>
    Effect.gen(function*() {
      const { run } = yield* begun
      const client = yield* Client
      const pages: Array<ReadonlyArray<{ readonly seq: number; readonly blobs?: object }>> = []
      let from: number | undefined = 0
      while (from !== undefined) {
        const page: { readonly entries: ReadonlyArray<{ readonly seq: number }>; readonly next?: number } =
          yield* client
            .journal.page({ params: { run }, query: { from, limit: 3 } })
        pages.push(page.entries)
        from = page.next
      }
      const whole = yield* (yield* Runs).journal(run)
      assert.deepStrictEqual(pages.flat(), whole as unknown as typeof pages[number])
      assert.isTrue(pages.every((page) => page.length <= 3))
      const holding = pages.find((page) => page.some(({ blobs }) => blobs !== undefined))!
      assert.isDefined(holding.at(-1)!.blobs)
    }).pipe(Effect.provide(app)))
})
