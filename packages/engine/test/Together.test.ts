import { assert, describe, it } from "@effect/vitest"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Logger, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Backend, Op } from "../src/Backend.ts"
import { Engine } from "../src/Engine.ts"
import * as CurrentRuntime from "../src/internal/CurrentRuntime.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, giveWay, Log, pass, stuck } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")
const quiet = Effect.provide(Logger.layer([]))

/** A step that logs in its transaction. */
const book = (log: Log, name = "book") =>
  Step.make(name, {
    input: Schema.String,
    success: Schema.String,
    onCrash: "commit-together",
    run: (what) => Effect.as(log.add(what), `booked ${what}`)
  })

/** A journal is dense and tells the whole story. */
const assertDense = Effect.fnUntraced(function*(world: CrashHost.World, id: string) {
  const entries = yield* world.journal(id)
  assert.deepStrictEqual(entries.map(({ seq }) => seq), entries.map((_, index) => index))
  entries.reduce((before, entry) => {
    assert.isAtLeast(entry.at, before)
    return entry.at
  }, 0)
})

describe("onCrash: commit-together", () => {
  it.effect("S2: the body runs inside the write that stores its outcome, once its request is stored", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let id = ""
      const look = Step.make("look", {
        success: Schema.Int,
        onCrash: "commit-together",
        run: () => Effect.sync(() => world.store.runs.get(id)!.entries.length)
      })
      const host = yield* world.start(
        W.toLayer(() => Effect.andThen(Signal.receive(Go), Effect.andThen(look(), book(log)("seat"))))
      )
      id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(host, W, id, "booked seat")
      const entries = yield* world.journal(id)
      const at = entries.findIndex((entry) => entry._tag === "StepCompleted" && entry.key === "look")
      assert.deepInclude(entries[at], { output: at }, "the outcome follows what was stored when the body ran")
      assert.deepInclude(entries[at - 1], { _tag: "StepRequested", key: "look", onCrash: "commit-together" })
      yield* assertDense(world, id)
    }))

  it.effect("S1: what is recorded does not run again, evicted or in another process", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => Effect.tap(book(log)("seat"), () => Signal.receive(Go)))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* first.evict
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, "booked seat")
      assert.deepStrictEqual(log.entries, ["seat"])
    }).pipe(quiet))

  it.effect("S2, S4: `commit-together`: killed at any write, each body is done once", () =>
    Effect.gen(function*() {
      let log = new Log()
      const step = Step.make("book", {
        input: Schema.String,
        success: Schema.String,
        onCrash: "commit-together",
        run: (what) => Effect.as(log.add(what), `booked ${what}`)
      })
      const nested = Step.make("nested", { success: Schema.String, onCrash: "rerun", run: () => step("inside") })
      const report = yield* CrashExplorer.explore({
        workflows: W.toLayer(Effect.fnUntraced(function*() {
          const first = yield* step("a")
          const both = yield* Effect.all([step("b"), echo(new Log())("x"), step("c")], { concurrency: 3 })
          yield* Effect.sleep("1 day")
          return [first, ...both, yield* nested(), yield* step("d")]
        })),
        world: Effect.suspend(() => {
          log = new Log()
          return CrashHost.make
        }),
        outside: () => Effect.sync(() => log.entries.toSorted()),
        drive: (host) =>
          host.use(Effect.gen(function*() {
            yield* W.execute({ id: "1" }, { discard: true })
            yield* host.settled
            yield* TestClock.adjust("1 day")
            yield* host.settled
          }))
      })
      assert.isAbove(report.writes, 10)
      assert.strictEqual(report.crashes, report.writes * 2)
      assert.strictEqual(report.bodies, 7)
    }))

  it.effect("S2: a failure is recorded by a further commit, and its policy decides about the next attempt", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const full = Step.make("full", {
        success: Schema.String,
        error: Declined,
        onCrash: "commit-together",
        retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 2 })),
        run: (_, { attempt, key }) =>
          Effect.andThen(
            log.add(`${key} ${attempt}`),
            Effect.suspend(() =>
              attempt < 3 ? Effect.fail(new Declined({ reason: "full" })) : Effect.succeed("at last")
            )
          )
      })
      const layer = W.toLayer(() => full())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* pass(host, "1 minute")
      host = yield* world.restart(host, layer)
      yield* pass(host, "1 minute")
      yield* assertOutput(host, W, id, "at last")
      assert.deepStrictEqual(log.entries, ["full 1", "full 2", "full 3"])
      yield* assertDense(world, id)
    }).pipe(quiet))

  it.effect("S2: a typed failure, a defect and an outcome that the schema refuses reach the workflow as with any step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const declines = Step.make("declines", {
        error: Declined,
        onCrash: "commit-together",
        run: () => Effect.fail(new Declined({ reason: "no" }))
      })
      const throws = Step.make("throws", {
        onCrash: "commit-together",
        run: (): Effect.Effect<void> => {
          throw new TypeError("x is not a function")
        }
      })
      const unfit = Step.make("unfit", {
        success: Schema.Int,
        onCrash: "commit-together",
        run: () => Effect.succeed(1.5)
      })
      const told = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.catchDefect(
          Effect.match(effect, { onFailure: String, onSuccess: String }),
          (defect) => Effect.succeed(String(defect))
        )
      const host = yield* world.start(W.toLayer(() => Effect.all([told(declines()), told(throws()), told(unfit())])))
      const id = yield* begin(host, W)
      const exit = yield* exitOf(host, W, id)
      const [first, second, third] = exit !== undefined && Exit.isSuccess(exit)
        ? exit.value as ReadonlyArray<string>
        : []
      assert.include(first, "Declined")
      assert.strictEqual(second, "TypeError: x is not a function")
      assert.include(third, "its schema refuses the outcome")
    }))

  it.effect("S2: a body that waits for anything is interrupted and fails with NotSynchronous, live and on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const waits: Readonly<Record<string, Effect.Effect<unknown, unknown, never>>> = {
        promise: Effect.promise(() => Promise.resolve()),
        sleep: Effect.sleep("1 second"),
        never: Effect.never,
        fork: Effect.flatMap(
          Effect.forkChild(Effect.sleep("1 second")),
          (fiber) => Effect.exit(Deferred.await(Deferred.makeUnsafe())).pipe(Effect.as(fiber))
        )
      }
      const seen: Array<readonly [boolean, string]> = []
      const step = (name: string) =>
        Step.make(name, {
          onCrash: "commit-together",
          run: () =>
            Effect.gen(function*() {
              yield* Effect.yieldNow
              yield* Effect.onInterrupt(Effect.exit(waits[name]!), () => log.add(`${name} interrupted`))
              yield* log.add("never")
            })
        })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        for (const name of Object.keys(waits)) {
          yield* Effect.catchDefect(
            step(name)(),
            (defect) =>
              Effect.sync(() =>
                void seen.push([defect instanceof Step.NotSynchronous, defect instanceof Error ? defect.message : ""])
              )
          )
        }
        yield* Effect.sleep("1 day")
        return "done"
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      yield* pass(host, "1 day")
      yield* assertOutput(host, W, id, "done")
      assert.strictEqual(seen.length, 8)
      for (const [isTyped, message] of seen) {
        assert.isTrue(isTyped)
        assert.match(message, /^The body of step "\w+" waits for something, .* only SQL by the host's SqlClient/)
      }
      assert.deepStrictEqual(log.entries, Object.keys(waits).map((name) => `${name} interrupted`))
    }))

  it.effect("S2: all that such a body does behind its interrupt is done inside the write too", () =>
    Effect.gen(function*() {
      const base = MemoryBackend.make(MemoryBackend.makeStore())
      const log = new Log()
      const noting = (op: Op): Op => {
        if (op.op !== "commit" || op.together === undefined) return op
        const { together } = op
        return {
          ...op,
          together: (within) => {
            const made = together(within)
            log.entries.push("written")
            return made
          }
        }
      }
      const write = (ops: ReadonlyArray<Op>) => base.write(ops.map(noting))
      const world = yield* CrashHost.makeOn({ ...base, write: write as Backend["write"] })
      const step = Step.make("wait", {
        onCrash: "commit-together",
        run: () => Effect.onInterrupt(Effect.never, () => Effect.andThen(giveWay(10), log.add("undone")))
      })
      const host = yield* world.start(W.toLayer(() => Effect.catchDefect(step(), () => log.add("told"))))
      yield* begin(host, W)
      assert.deepStrictEqual(log.entries, ["undone", "written", "told"])
    }))

  it.effect("S2: nothing of a run can be asked for in such a body", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = echo(log, "inner")
      const outer = Step.make("outer", { success: Schema.String, onCrash: "commit-together", run: () => inner("x") })
      const layer = W.toLayer(() => Effect.catchDefect(outer(), (defect) => Effect.succeed(String(defect))))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const exit = yield* exitOf(host, W, id)
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.include(JSON.stringify(exit), `Step \\"inner\\" was called outside a run`)
      assert.isFalse((yield* world.story(id)).some((entry) => entry.includes("inner")))
      assert.isEmpty(log.entries)
    }))

  it.effect("S5: a process that has lost its run runs no body for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => Effect.andThen(Signal.receive(Go), book(log)("seat")))
      const frozen = yield* world.start(layer, { bodyBegins: () => log.entries.push("body") })
      const id = yield* begin(frozen, W)
      const before = (yield* world.journal(id)).length
      yield* Effect.raceFirst(
        Effect.andThen(
          world.tell(id, "signal", { name: "go", payload: null }),
          Effect.never
        ),
        Effect.gen(function*() {
          while ((yield* world.journal(id)).length < before + 2) yield* Effect.yieldNow
          // Its request is stored, and the write that the body is part of waits.
          frozen.freeze()
        })
      )
      yield* giveWay(200)
      assert.isEmpty(log.entries)
      const other = yield* world.start(layer)
      yield* Effect.raceFirst(world.adjustHost(14_000), giveWay())
      yield* other.settled
      yield* assertOutput(other, W, id, "booked seat")
      yield* frozen.thaw
      yield* frozen.settled
      assert.deepStrictEqual(log.entries, ["seat"])
    }).pipe(quiet))

  it.effect("S2: a store that fails to write, or to answer, leaves body and record together", () =>
    Effect.gen(function*() {
      for (const when of ["before", "after"] as const) {
        for (const nth of [1, 2, 3]) {
          const world = yield* CrashHost.make
          const log = new Log()
          const host = yield* world.start(W.toLayer(() => Effect.andThen(Signal.receive(Go), book(log)("seat"))))
          const id = yield* begin(host, W)
          const writes = host.writes()
          yield* Effect.raceFirst(
            Effect.andThen(world.tell(id, "signal", { name: "go", payload: null }), Effect.never),
            Effect.gen(function*() {
              while (host.writes() < writes + nth - 1) yield* Effect.yieldNow
              host.failWrites(1, when)
            })
          )
          yield* Effect.raceFirst(host.settled, giveWay())
          yield* world.adjustHost(1_000)
          yield* world.adjustHost(1_000)
          yield* assertOutput(host, W, id, "booked seat")
          assert.deepStrictEqual(log.entries, ["seat"], `write ${nth} failed ${when}`)
          yield* assertDense(world, id)
          yield* host.kill
        }
      }
    }).pipe(quiet))

  it.effect("S6: what happens while the write is under way comes behind its outcome, live as on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const inner = echo(log, "inner")
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.andThen(Deferred.await(gate), inner("asked meanwhile"))
      })
      const done = Step.make("done", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.as(Deferred.await(gate), "done meanwhile")
      })
      const passes: Array<Array<string>> = []
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const seen: Array<string> = []
        passes.push(seen)
        const branches = [outer(), done(), Effect.andThen(Signal.receive(Go), book(log)("seat"))]
        yield* Effect.forEach(
          branches,
          (branch) => Effect.tap(branch, (value) => Effect.sync(() => seen.push(value))),
          { concurrency: 3 }
        )
        yield* Effect.sleep("1 day")
        return seen.slice()
      }))
      const host = yield* world.start(layer)
      const told: Array<number> = []
      yield* host.use(
        Effect.flatMap(
          CurrentRuntime.current,
          (runtime) => runtime.extensions.observe(({ entries }) => told.push(...entries.map(({ seq }) => seq)))
        )
      )
      const id = yield* begin(host, W)
      const before = (yield* world.journal(id)).length
      yield* Effect.raceFirst(
        Effect.andThen(world.tell(id, "signal", { name: "go", payload: null }), Effect.never),
        Effect.gen(function*() {
          while ((yield* world.journal(id)).length < before + 2) yield* Effect.yieldNow
          host.freeze()
        })
      )
      yield* giveWay(100)
      yield* Deferred.succeed(gate, undefined)
      yield* giveWay(100)
      assert.isEmpty(log.entries)
      yield* host.thaw
      yield* host.settled
      const order = ["booked seat", "done meanwhile", "asked meanwhile"]
      assert.deepStrictEqual(passes, [order])
      assert.deepStrictEqual(told, (yield* world.journal(id)).map(({ seq }) => seq))
      const next = yield* world.restart(host, layer)
      yield* pass(next, "1 day")
      yield* assertOutput(next, W, id, order)
      assert.deepStrictEqual(passes, [order, order])
      assert.deepStrictEqual(log.entries, ["seat", "inner asked meanwhile"])
      yield* assertDense(world, id)
    }).pipe(quiet))

  it.effect("S2: a body that nobody waits for any more when its write begins does not run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = book(log)
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.map(Effect.timeoutOption(inner("late"), "1 second"), ({ _tag }) => _tag)
      })
      const host = yield* world.start(W.toLayer(() => Effect.andThen(Signal.receive(Go), outer())))
      const id = yield* begin(host, W)
      yield* Effect.raceFirst(
        Effect.andThen(world.tell(id, "signal", { name: "go", payload: null }), Effect.never),
        Effect.gen(function*() {
          while (!(yield* world.story(id)).includes("StepRequested outer/book")) yield* Effect.yieldNow
          host.freeze()
        })
      )
      yield* giveWay(100)
      yield* TestClock.adjust("1 second")
      yield* host.thaw
      yield* host.settled
      yield* assertOutput(host, W, id, "None")
      assert.isEmpty(log.entries)
      yield* assertDense(world, id)
    }).pipe(quiet))

  it.effect("S8: a cancel that comes while the write is under way stops the run behind its outcome", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const undo = echo(log, "undo")
      const host = yield* world.start(W.toLayer(() =>
        Effect.andThen(Signal.receive(Go), book(log)("seat")).pipe(
          W.withCompensation((booked) => Effect.asVoid(undo(booked))),
          Effect.andThen(stuck(log, "next", "rerun")())
        )
      ))
      const id = yield* begin(host, W)
      const before = (yield* world.journal(id)).length
      yield* Effect.raceFirst(
        Effect.andThen(world.tell(id, "signal", { name: "go", payload: null }), Effect.never),
        Effect.gen(function*() {
          while ((yield* world.journal(id)).length < before + 2) yield* Effect.yieldNow
          host.freeze()
        })
      )
      yield* giveWay(100)
      yield* Effect.raceFirst(world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" }), giveWay(200))
      yield* host.thaw
      yield* host.settled
      yield* world.look
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.deepStrictEqual([log.entries[0], log.entries.at(-1)], ["seat", "undo booked seat"])
      yield* assertDense(world, id)
    }).pipe(quiet))

  it.effect("S2: many at once in one run and in many runs, one of them failing, are each done and recorded once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const odd = Step.make("odd", {
        input: Schema.Int,
        success: Schema.Int,
        error: Declined,
        onCrash: "commit-together",
        run: (n) => n === 3 ? Effect.fail(new Declined({ reason: "three" })) : Effect.as(log.add(`${n}`), n)
      })
      const layer = W.toLayer(() =>
        Effect.forEach(
          [1, 2, 3, 4, 5],
          (n) => Effect.match(odd(n), { onFailure: () => -n, onSuccess: (value) => value }),
          { concurrency: 5 }
        )
      )
      const host = yield* world.start(layer)
      const ids = yield* host.use(
        Effect.forEach(["a", "b", "c", "d"], (id) => W.execute({ id }, { discard: true }), { concurrency: 4 })
      )
      yield* host.settled
      for (const id of ids) {
        yield* assertOutput(host, W, id, [1, 2, -3, 4, 5])
        yield* assertDense(world, id)
      }
      for (const n of ["1", "2", "4", "5"]) assert.strictEqual(log.count(n), 4)
    }))

  it.effect("S13: a request that crashes before its body is counted like any other", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => book(log)("seat"))
      const id = yield* W.executionId({ id: "1" })
      // Each process dies at the write that the body is part of.
      let host = yield* world.start(layer, { killAt: { count: 3, when: "before" } })
      yield* Effect.raceFirst(host.use(W.execute({ id: "1" }, { discard: true })), giveWay(200))
      yield* giveWay(200)
      assert.isTrue(host.killed())
      assert.deepStrictEqual((yield* world.story(id)).at(-1), "StepRequested book")
      for (let crash = 1; crash <= 6; crash++) {
        host = yield* world.restart(host, layer, { killAt: { count: 2, when: "before" } })
        yield* Effect.raceFirst(host.settled, giveWay(200))
        assert.strictEqual(host.killed(), crash < 6)
      }
      assert.isEmpty(log.entries)
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
      yield* world.tell(id, "settle", { key: "book", by: "ada", action: { _tag: "retry" } })
      yield* assertOutput(host, W, id, "booked seat")
      assert.deepStrictEqual(log.entries, ["seat"])
    }).pipe(quiet))

  it.effect("the entry that a body makes is told to those who listen, and projected in its own commit", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => book(log)("seat")))
      const told: Array<string> = []
      yield* host.use(Effect.flatMap(Engine, (engine) =>
        engine.extend({
          name: "booking",
          committed: ({ entries }) => void told.push(...entries.map((entry) => entry._tag)),
          project: ({ entries, run }) =>
            entries.filter((entry) => entry._tag === "StepCompleted").map((entry) => ({
              id: `${run.id}/${entry.seq}`,
              name: "seat.booked",
              payload: null
            }))
        })))
      host.killAt(3, "after")
      const id = yield* W.executionId({ id: "1" })
      yield* Effect.raceFirst(host.use(W.execute({ id: "1" }, { discard: true })), giveWay(50))
      yield* giveWay(200)
      assert.isTrue(host.killed())
      const { seq } = (yield* world.journal(id)).find((entry) => entry._tag === "StepCompleted")!
      assert.deepStrictEqual((yield* world.backend.outbox(10, true)).map((row) => row.id), [`event:${id}/${seq}`])
      assert.deepStrictEqual(log.entries, ["seat"])
      const next = yield* world.restart(host, W.toLayer(() => book(log)("seat")))
      yield* next.settled
      assert.deepStrictEqual(log.entries, ["seat"])
      assert.include(told, "StepRequested")
    }).pipe(quiet))

  it.effect("a host whose store cannot do it says so, and runs nothing", () =>
    Effect.gen(function*() {
      const log = new Log()
      const able = MemoryBackend.make(MemoryBackend.makeStore())
      const world = yield* CrashHost.makeOn({ ...able, supports: { ...able.supports, together: false } })
      const host = yield* world.start(
        W.toLayer(() => Effect.catchDefect(book(log)("seat"), (defect) => Effect.succeed(String(defect))))
      )
      const id = yield* begin(host, W)
      const exit = yield* exitOf(host, W, id)
      assert.include(
        JSON.stringify(exit),
        `Step \\"book\\" has onCrash \\"commit-together\\", and the store of this host cannot`
      )
      assert.isEmpty(log.entries)
    }))

  it.effect("a large output goes to a blob, as with any step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const large = Step.make("large", {
        success: Schema.String,
        onCrash: "commit-together",
        run: () => Effect.succeed("x".repeat(100_000))
      })
      const layer = W.toLayer(() => Effect.map(Effect.tap(large(), () => Signal.receive(Go)), (text) => text.length))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.strictEqual(world.store.blobs.size, 1)
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, 100_000)
    }).pipe(quiet))
})
