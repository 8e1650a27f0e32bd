import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schema } from "effect"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, Declined, define, echo, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })
const W = define("W")
const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs, Runs.layer))

/** A run that does `a` and `b`, waits, and then ends as it is told to. */
const program = (log: Log) =>
  W.toLayer(() =>
    Effect.gen(function*() {
      yield* echo(log, "a")("1")
      yield* echo(log, "b")("2")
      switch (yield* Signal.receive(Go)) {
        case "fail":
          return yield* new Declined({ reason: "told so" })
        case "hold":
          return yield* stuck(log, "hold", "rerun")()
        default:
          return "done"
      }
    })
  )

type Act = (world: CrashHost.MemoryWorld, host: CrashHost.Host, id: string) => Effect.Effect<unknown, unknown>
const tell = (payload: string): Act => (world, _, id) => world.tell(id, "signal", { name: "go", payload })

/** How runs come to stand, and the row that shows it. */
const ways: ReadonlyArray<readonly [what: string, act: Act, row: object]> = [
  ["completed", tell("end"), { status: "completed" }],
  ["failed", tell("fail"), { status: "failed" }],
  ["cancelled", (world, _, id) => world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no" }), {
    status: "cancelled"
  }],
  ["running", tell("hold"), { status: "running" }],
  ["suspended", () => Effect.void, { status: "suspended", reason: "signal" }],
  ["corrupt", (world, host, id) =>
    Effect.gen(function*() {
      yield* host.evict
      yield* host.settled
      const { entries } = world.store.runs.get(id)!
      entries[entries.length - 1] = "{"
      yield* world.tell(id, "signal", { name: "go", payload: "end" })
    }), { status: "suspended", reason: "corrupt" }]
]

describe("a fork", () => {
  for (const [what, act, row] of ways) {
    it.effect(`N-55: is made of a run that is ${what}, which stays as it is`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const host = yield* world.start(program(log))
        const id = yield* begin(host, W)
        yield* act(world, host, id)
        yield* host.settled
        assert.deepInclude(yield* world.run(id), row)
        const before = [yield* world.run(id), yield* world.rows(id)]
        const { runId } = yield* (yield* verbs(host)).fork(id, { at: "b" })
        yield* host.settled
        yield* world.tell(runId, "signal", { name: "go", payload: "end" })
        assert.deepInclude((yield* world.journal(runId)).at(-1), { _tag: "RunCompleted", output: "done" })
        assert.deepStrictEqual([yield* world.run(id), yield* world.rows(id)], before)
        assert.deepStrictEqual(log.entries.filter((entry) => !entry.startsWith("hold")), ["a 1", "b 2", "b 2"])
      }))
  }

  it.effect("N-55: is made of a run that diverged, with another output where the code has changed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const old = yield* world.start(program(log))
      const id = yield* begin(old, W)
      const renewed = (name: string) =>
        W.toLayer(() =>
          Effect.andThen(
            echo(log, "a")("1"),
            Effect.andThen(echo(log, name)("2"), Effect.as(Signal.receive(Go), "new"))
          )
        )
      const host = yield* world.restart(old, renewed("c"))
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      const { runId } = yield* (yield* verbs(host)).fork(id, { at: "b" })
      yield* host.settled
      assert.deepStrictEqual(log.entries, ["a 1", "b 2", "c 2"])
      yield* world.tell(runId, "signal", { name: "go", payload: "end" })
      assert.deepInclude((yield* world.journal(runId)).at(-1), { _tag: "RunCompleted", output: "new" })
    }))

  it.effect("N-55: before the failure that undid something ends well, and one at a step of the undoing undoes it again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() =>
        Effect.gen(function*() {
          yield* W.withCompensation(echo(log, "take")("1"), () => Effect.asVoid(echo(log, "undo")("1")))
          yield* echo(log, "use")("2")
          return log.count("use 2") === 1 ? yield* new Declined({ reason: "once" }) : "used"
        })
      ))
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).status, "failed")
      const runs = yield* verbs(host)
      const undone = yield* runs.fork(id, { at: "undo" })
      yield* host.settled
      assert.strictEqual((yield* world.run(undone.runId)).status, "failed")
      const used = yield* runs.fork(id, { at: "use" })
      yield* host.settled
      assert.deepInclude((yield* world.journal(used.runId)).at(-1), { _tag: "RunCompleted", output: "used" })
      assert.deepStrictEqual(log.entries, ["take 1", "use 2", "undo 1", "undo 1", "use 2"])
    }))

  it.effect("N-55: shares values that are too large for a row, and may have others in their place", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const large = "x".repeat(200_000)
      const host = yield* world.start(W.toLayer(() =>
        Effect.gen(function*() {
          const a = yield* Step.make("large", {
            success: Schema.String,
            onCrash: "rerun",
            run: () => Effect.as(log.add("large"), large)
          })()
          yield* echo(log, "size")(`${a.length}`)
          return a
        })
      ))
      const id = yield* begin(host, W)
      const runs = yield* verbs(host)
      const shared = yield* runs.fork(id, { at: "size" })
      const other = yield* runs.fork(id, { at: "size", set: { large: `${large}y` } })
      yield* host.settled
      assert.deepInclude((yield* world.journal(shared.runId)).at(-1), { output: large })
      assert.deepInclude((yield* world.journal(other.runId)).at(-1), { output: `${large}y` })
      assert.deepStrictEqual(log.entries, ["large", "size 200000", "size 200000", "size 200001"])
      assert.isBelow(Math.max(...(yield* world.rows(other.runId)).map((row) => row.length)), 1_000)
    }))

  it.effect("N-55: at a step of the undoing that follows a cancel is a run that is being cancelled", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() =>
        Effect.andThen(
          W.withCompensation(echo(log, "take")("1"), () =>
            Effect.asVoid(Effect.andThen(echo(log, "undo")("1"), echo(log, "tell")("2")))),
          Signal.receive(Go)
        )
      ))
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no" })
      const { runId } = yield* (yield* verbs(host)).fork(id, { at: "tell" })
      yield* host.settled
      assert.strictEqual((yield* world.run(runId)).status, "cancelled")
      assert.deepStrictEqual(log.entries, ["take 1", "undo 1", "tell 2", "tell 2"])
    }))

  it.effect("N-55: is stored by a process without the code, and goes on where the code is, or is suspended as diverged", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const named = W.toLayer(({ id }) =>
        Effect.andThen(echo(log, "a")(id), Effect.andThen(echo(log, "b")("2"), Effect.as(Signal.receive(Go), "done")))
      )
      const first = yield* world.start(named)
      const id = yield* begin(first, W)
      yield* first.close
      const bare = yield* world.start(Layer.empty)
      const runs = yield* verbs(bare)
      const plain = yield* runs.fork(id, { at: "b" })
      const other = yield* runs.fork(id, { at: "b", input: { id: "2" } })
      assert.deepInclude(yield* world.run(plain.runId), { status: "queued", owner: null })
      yield* bare.close
      const served = yield* world.start(named)
      yield* served.settled
      yield* world.adjustHost(60_000)
      for (let turn = 0; turn < 2_000; turn++) yield* Effect.yieldNow
      assert.deepInclude(yield* world.run(plain.runId), { status: "suspended", reason: "signal" })
      assert.deepInclude(yield* world.run(other.runId), { status: "suspended", reason: "diverged" })
      assert.deepStrictEqual(log.entries, ["a 1", "b 2", "b 2"])
    }))

  it.effect("N-55: of which the process is killed at any write comes to the same end", () =>
    Effect.gen(function*() {
      let crashes = 0
      for (const when of ["before", "after"] as const) {
        for (let count = 1;; count++) {
          const world = yield* CrashHost.make
          const log = new Log()
          const layer = W.toLayer(() =>
            Effect.gen(function*() {
              const a = yield* echo(log, "a")("1")
              const [held, b] = yield* Effect.all([
                Step.make("slow", {
                  success: Schema.String,
                  onCrash: "rerun",
                  run: () => log.count("b 12") === 0 ? Effect.never : Effect.succeed("held")
                })(),
                echo(log, "b")(`${a}2`)
              ], { concurrency: 2 })
              return `${held} ${yield* echo(log, "c")(b)}`
            })
          )
          const first = yield* world.start(layer)
          const id = yield* begin(first, W)
          yield* first.close
          const bare = yield* world.start(Layer.empty)
          const { runId } = yield* (yield* verbs(bare)).fork(id, { at: "b" })
          yield* bare.close
          const before = log.entries.length
          const second = yield* world.start(layer, { killAt: { count, when } })
          const crashed = second.killed()
          const third = yield* world.restart(second, layer)
          yield* third.settled
          assert.deepInclude((yield* world.journal(runId)).at(-1), { _tag: "RunCompleted", output: "held 12" })
          assert.notInclude(log.entries.slice(before), "a 1")
          if (!crashed) break
          crashes++
        }
      }
      assert.isAbove(crashes, 3)
    }))
})
