import { assert, describe, it } from "@effect/vitest"
import { type BulkReport, bulkWorkflow, mostUnconfirmed } from "@fermata/core/BulkAct"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer } from "effect"
import { Bulk } from "../src/Bulk.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { Declined, define, Log, startAs, untilKilled } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")
const waiting = W.toLayer(() => Signal.receive(Go))

/** All but one are in the middle of a step that may not be repeated unasked. */
const paying = W.toLayer(({ id }) =>
  Step.make("pay", { onCrash: "ask", run: () => id === "run-4" ? Effect.void : Effect.never })()
)

const putBack = (world: CrashHost.World, id: string) =>
  world.backend.write([{ op: "restore", id, by: "ops", at: 9_000, from: null }])

const verbs = (host: CrashHost.Host) =>
  host.use(Effect.provide(
    Effect.gen(function*() {
      return { bulk: yield* Bulk, runs: yield* Runs.Runs }
    }),
    Layer.merge(Bulk.layer, Runs.Runs.layer)
  ))

const names = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `run-${from + index}`)

const life = Effect.fnUntraced(function*<E>(workflows: Layer.Layer<never, E, CrashHost.Services>, count: number) {
  const world = yield* CrashHost.make
  const host = yield* world.start(workflows)
  yield* host.use(Effect.forEach(names(count), startAs))
  yield* host.settled
  const status = (run: string) => Effect.map(world.run(run), ({ status }) => status)
  const report = (run: string) =>
    Effect.map(world.journal(run), (journal) => {
      const end = journal.at(-1)!
      assert.strictEqual(end._tag, "RunCompleted")
      return (end as { readonly output: BulkReport }).output
    })
  return { world, host, status, report, ...(yield* verbs(host)) }
})

describe("Bulk", () => {
  it.effect("says what a filter finds before anything is done, and then does it, by a run that lists do not show unasked", () =>
    Effect.gen(function*() {
      const { bulk, host, report, runs, status, world } = yield* life(waiting, 30)
      yield* world.tell("run-3", "signal", { name: "go", payload: null })
      yield* host.settled
      const request = { action: "cancel", filter: { workflow: "W" }, reason: "no use" } as const
      const { first, matched } = yield* bulk.preview(request)
      assert.deepStrictEqual([matched, first.length, first[0]!.id], [29, 20, "run-29"])
      assert.strictEqual(yield* status("run-0"), "suspended")

      const { runId, ...started } = yield* bulk.start(request, { by: "ada" })
      assert.deepStrictEqual(started, { joined: false, otherInput: false, matched: 29 })
      yield* host.settled
      assert.deepStrictEqual(yield* report(runId), { action: "cancel", done: 29, skipped: [], skippedCount: 0 })
      const cancelled = (yield* world.journal("run-7")).find((entry) => entry._tag === "RunCancelled")
      assert.deepInclude(cancelled, { by: "ada", reason: "no use" })
      assert.strictEqual(yield* status("run-3"), "completed")
      assert.deepStrictEqual((yield* runs.show(runId)).state["progress"]?.value, { done: 29, skipped: 0 })

      assert.isEmpty((yield* runs.list({ limit: 100 })).filter(({ id }) => id === runId))
      assert.isEmpty((yield* runs.list({ status: ["completed"] })).filter(({ id }) => id === runId))
      assert.deepStrictEqual((yield* runs.census).byStatus, { cancelled: 29, completed: 1 }, "counts leave it out too")
      const own = yield* runs.list({ workflow: bulkWorkflow })
      assert.deepStrictEqual(own.map(({ id, title }) => [id, title]), [[runId, "cancel 29 runs"]])
    }))

  it.effect("goes through page after page, acts on no run that starts later, and on each once, whatever ends meanwhile", () =>
    Effect.gen(function*() {
      const { bulk, host, report, status, world } = yield* life(waiting, 450)
      const { runId } = yield* bulk.start({ action: "cancel", filter: {} }, { by: "ada" })
      yield* host.use(Effect.forEach(names(3, 1_000), startAs))
      yield* host.settled
      assert.deepInclude(yield* report(runId), { done: 450, skippedCount: 0 })
      assert.deepStrictEqual(yield* Effect.forEach(names(3, 1_000), status), ["suspended", "suspended", "suspended"])
      const looks = (yield* world.journal(runId)).filter((entry) => entry._tag === "StepRequested")
      assert.lengthOf(looks, 3)
      for (const run of names(450)) {
        assert.lengthOf((yield* world.journal(run)).filter(({ _tag }) => _tag === "StopRequested"), 1)
      }
    }))

  it.effect("is cancelled like any run, and acts on no run behind that", () =>
    Effect.gen(function*() {
      const { bulk, host, runs, status, world } = yield* life(waiting, 450)
      const { runId } = yield* bulk.start({ action: "cancel", filter: {} }, { by: "ada" })
      yield* runs.cancel(runId, { by: "eve", reason: "stop" })
      yield* host.settled
      assert.deepInclude((yield* world.journal(runId)).at(-1), { _tag: "RunCancelled", by: "eve" })
      assert.strictEqual(yield* status("run-0"), "suspended")
    }))

  it.effect("S4: survives the end of its process at any write, and acts once on each run all the same", () =>
    Effect.gen(function*() {
      for (let count = 1; count <= 12; count++) {
        for (const when of ["before", "after"] as const) {
          const { bulk, host, runs, world } = yield* life(waiting, 3)
          for (const run of names(3)) yield* runs.pause(run, { by: "ada" })
          yield* host.settled
          host.killAt(count, when, "every")
          const start = (on: Bulk["Service"]) => on.start({ action: "resume", filter: {} }, { by: "eve", key: "once" })
          yield* Effect.raceFirst(Effect.andThen(start(bulk), host.settled), untilKilled(host))
          const again = yield* world.restart(host, waiting)
          yield* again.settled
          const second = yield* verbs(again)
          const { runId } = yield* start(second.bulk)
          yield* again.settled
          assert.strictEqual((yield* second.runs.find(runId)).status, "completed")
          for (const run of names(3)) {
            const resumed = (yield* world.journal(run)).filter((entry) =>
              entry._tag === "RunResumed" && entry.by === "eve"
            )
            assert.lengthOf(resumed, 1, `${run}, killed ${when} write ${count}`)
          }
          yield* again.close
        }
      }
    }))

  it.effect("retries what failed, each run once, and says which it could not", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { bulk, host, report, runs, status, world } = yield* life(
        W.toLayer(({ id }) =>
          Effect.gen(function*() {
            const pay = Step.make("pay", {
              error: Declined,
              onCrash: "rerun",
              run: () =>
                Effect.andThen(
                  log.add(`pay ${id}`),
                  outside.broken ? Effect.fail(new Declined({ reason: "no" })) : Effect.void
                )
            })
            if (id === "run-5") yield* Effect.void.pipe(W.withCompensation(() => Effect.void))
            return yield* pay()
          })
        ),
        45
      )
      outside.broken = false
      const early = yield* runs.retry("run-9")
      const { matched, runId } = yield* bulk.start({ action: "retry", filter: { workflow: "W" } }, { by: "ada" })
      yield* host.settled
      assert.strictEqual(matched, 45)
      const { done, skipped, skippedCount } = yield* report(runId)
      assert.deepStrictEqual([done, skippedCount], [43, 2])
      assert.deepStrictEqual(skipped.map(({ run }) => run), ["run-9", "run-5"])
      assert.include(skipped[0]!.why, `it was retried before, by run ${early.runId}`)
      assert.include(skipped[1]!.why, "it has undone what it did")
      assert.strictEqual(log.count("pay run-7"), 2)
      assert.strictEqual(yield* status("run-7"), "failed")
      assert.strictEqual([...world.store.runs.values()].filter(({ row }) => row.status === "completed").length, 45)
    }))

  it.effect("S2: confirms the runs in doubt, each once, and none of which nobody doubts what it has done", () =>
    Effect.gen(function*() {
      const { host, world } = yield* life(paying, 5)
      yield* host.kill
      yield* putBack(world, "anew1")
      const again = yield* world.start(paying)
      yield* again.use(startAs("run-5"))
      yield* again.settled
      const { bulk, runs } = yield* verbs(again)
      const request = { action: "confirm", filter: { workflow: "W" } } as const
      const { first, matched } = yield* bulk.preview(request)
      assert.deepStrictEqual([matched, first.map(({ id }) => id)], [4, ["run-3", "run-2", "run-1", "run-0"]])
      assert.strictEqual((yield* bulk.preview({ action: "confirm", ids: ["run-0", "run-4", "run-5"] })).matched, 1)
      const named = yield* bulk.start({ action: "confirm", ids: ["run-0", "run-4", "run-5"] }, { by: "ada" })
      yield* again.settled
      const output = (id: string) => Effect.map(runs.show(id), ({ output }) => output as BulkReport)
      assert.deepStrictEqual(yield* output(named.runId), {
        action: "confirm",
        done: 1,
        skipped: [{ run: "run-4", why: "it is completed" }, {
          run: "run-5",
          why: "nobody doubts what it has done"
        }],
        skippedCount: 2
      })
      const { runId } = yield* bulk.start({ action: "confirm", filter: {} }, { by: "ada" })
      yield* again.settled
      assert.deepInclude(yield* output(runId), { done: 3, skippedCount: 0 })
      for (const run of names(4)) {
        const confirmed = (yield* world.journal(run)).filter(({ _tag }) => _tag === "RunConfirmed")
        assert.deepStrictEqual(confirmed.map((entry) => "by" in entry && entry.by), ["ada"])
      }
      assert.deepStrictEqual(yield* runs.list({ restored: true }), [])
      assert.strictEqual((yield* bulk.preview({ action: "confirm", filter: {} })).matched, 0)
    }))

  it.effect("S2: a confirmation of many that is in a backup confirms nothing of what that backup does not know", () =>
    Effect.gen(function*() {
      const { host, world } = yield* life(paying, 3)
      yield* host.kill
      yield* putBack(world, "anew1")
      const asked = yield* world.start(Layer.empty, { worker: false })
      const { runId } = yield* (yield* verbs(asked)).bulk.start({ action: "confirm", filter: {} }, { by: "ada" })
      yield* asked.kill
      yield* putBack(world, "anew2")
      const again = yield* world.start(paying)
      yield* again.settled
      const { runs } = yield* verbs(again)
      const report = (yield* runs.show(runId)).output as BulkReport
      assert.deepStrictEqual([report.done, report.skippedCount], [0, 3])
      assert.strictEqual(report.skipped[0]?.why, "the store was put back again since this was asked for")
      assert.lengthOf(yield* runs.list({ restored: true, workflow: "W" }), 3)
    }))

  it.effect("acts on runs that are named, and tells of those that there are not, or to which it cannot be done", () =>
    Effect.gen(function*() {
      const { bulk, host, report, status, world } = yield* life(waiting, 4)
      yield* world.tell("run-3", "signal", { name: "go", payload: null })
      yield* host.settled
      const ids = ["run-1", "run-2", "run-1", "run-3", "nowhere"]
      assert.strictEqual((yield* bulk.preview({ action: "cancel", ids })).matched, 2)
      const { runId } = yield* bulk.start({ action: "cancel", ids }, { by: "ada" })
      yield* host.settled
      const { done, skipped } = yield* report(runId)
      assert.strictEqual(done, 2)
      assert.deepStrictEqual(skipped.map(({ run, why }) => [run, why.split(";")[0]]), [
        ["nowhere", `There is no run "nowhere"`],
        ["run-3", "it is completed"]
      ])
      assert.deepStrictEqual(yield* Effect.forEach(names(3), status), ["suspended", "cancelled", "cancelled"])
    }))

  it.effect("one key is one act, and what was asked for otherwise is told", () =>
    Effect.gen(function*() {
      const { bulk, host, status } = yield* life(waiting, 2)
      const start = (action: "pause" | "cancel") => bulk.start({ action, filter: {} }, { by: "ada", key: "k" })
      const first = yield* start("pause")
      yield* host.settled
      const again = yield* start("pause")
      assert.deepStrictEqual([again.runId, again.joined, again.otherInput], [first.runId, true, false])
      assert.isTrue((yield* start("cancel")).otherInput)
      yield* host.settled
      assert.strictEqual(yield* status("run-0"), "suspended")
    }))

  it.effect("more runs than that are acted on only by who says how many; what is asked for amiss is refused", () =>
    Effect.gen(function*() {
      const { bulk, world } = yield* life(Layer.empty, 0)
      const row = (id: string) => ({
        op: "start" as const,
        run: {
          id,
          workflow: "none",
          version: "1",
          kind: "program",
          definition: null,
          root: id,
          parent: null,
          status: "queued",
          owner: null,
          dueAt: null,
          createdAt: 0
        },
        rows: [],
        blobs: [],
        subscriptions: [],
        listener: null
      })
      yield* world.backend.write(names(mostUnconfirmed + 1).map(row))
      const start = (confirm?: number) =>
        bulk.start({ action: "cancel", filter: {} }, { by: "ada", ...(confirm === undefined ? {} : { confirm }) })
      assert.strictEqual(
        (yield* Effect.flip(start())).message,
        "This acts on 10001 runs, which is more than 10000; confirm that number"
      )
      assert.include((yield* Effect.flip(start(10_000))).message, "and 10000 were confirmed")
      assert.strictEqual(world.store.runs.size, mostUnconfirmed + 1)
      assert.strictEqual((yield* start(10_001)).matched, 10_001)
      for (
        const request of [
          { action: "cancel" },
          { action: "cancel", filter: {}, ids: [] },
          { action: "pause", filter: {}, reason: "x" }
        ] as const
      ) {
        assert.strictEqual((yield* Effect.flip(bulk.preview(request)))._tag, "BulkRefused")
      }
      assert.strictEqual(
        (yield* Effect.flip(bulk.preview({ action: "cancel", filter: { root: "nowhere" } })))._tag,
        "RunNotFound"
      )
    }))
})
