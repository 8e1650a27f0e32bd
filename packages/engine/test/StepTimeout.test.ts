import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Clock, Deferred, Duration, Effect, Logger, Option, Schedule, Schema } from "effect"
import { Activity, DurableDeferred, type WorkflowEngine } from "effect/workflow"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, giveWay, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")

/** A body that nothing stops before its gate opens, and what it logs. */
class Deaf {
  readonly log = new Log()
  private readonly gates: Array<Deferred.Deferred<string>> = []

  readonly run = (attempt: number, key: string): Effect.Effect<string> =>
    Effect.suspend(() => {
      const gate = Deferred.makeUnsafe<string>()
      this.gates.push(gate)
      return Effect.uninterruptible(Effect.andThen(this.log.add(`begins ${attempt} ${key}`), Deferred.await(gate)))
    })

  get begun() {
    return this.gates.length
  }

  readonly end = (body: number, value: string) =>
    Effect.andThen(Deferred.succeed(this.gates[body]!, value), giveWay(20))
}

const notes = (world: CrashHost.World, id: string, kind: string) =>
  Effect.map(
    world.journal(id),
    (entries) => entries.flatMap((entry) => entry._tag === "Note" && entry.kind === kind ? [entry.text] : [])
  )

const lettingGo = (world: CrashHost.World, id: string) =>
  Effect.map(
    world.journal(id),
    (entries) => entries.flatMap((entry) => entry._tag === "BodyLetGo" ? [entry.text] : [])
  )

const requests = (world: CrashHost.World, id: string) =>
  Effect.map(
    world.journal(id),
    (entries) =>
      entries.flatMap((entry) =>
        entry._tag === "StepRequested"
          ? [[entry.key, entry.attempt, entry.recovery ?? 0, entry.probe === true ? "probe" : "body"]]
          : []
      )
  )

/** 300 ms, and as long again until the body is let go. */
const over = (host: CrashHost.Host) => Effect.andThen(pass(host, "300 millis"), pass(host, "300 millis"))

const uncut = <A>(effect: Effect.Effect<A>) => Effect.uninterruptible(effect)

describe("a body that does not end at its timeout", () => {
  for (const onCrash of ["rerun", "rerun-keyed"] as const) {
    it.effect(`S2, S13: with \`${onCrash}\` it is let go and runs again, which counts as a recovery and asks no policy`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const deaf = new Deaf()
        const slow = Step.make("slow", {
          success: Schema.String,
          onCrash,
          timeout: "300 millis",
          retry: Schedule.spaced("1 day"),
          run: (_, { attempt, idempotencyKey }) => deaf.run(attempt, idempotencyKey)
        })
        const host = yield* world.start(W.toLayer(() => slow()))
        const id = yield* begin(host, W)
        yield* over(host)
        assert.strictEqual(deaf.begun, 2)
        assert.strictEqual(new Set(deaf.log.entries).size, 1)
        assert.deepStrictEqual(yield* requests(world, id), [["slow", 1, 0, "body"], ["slow", 1, 1, "body"]])
        assert.match(
          (yield* lettingGo(world, id))[0]!,
          /^attempt 1 of step "slow" did not end within its timeout of 300 ms/
        )
        yield* deaf.end(1, "in time")
        yield* host.settled
        yield* assertOutput(host, W, id, "in time")
      }))
  }

  it.effect("S2: with `ask` the run suspends as outcome-unknown, after a crash too, until somebody settles it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const deaf = new Deaf()
      const pay = Step.make("pay", {
        success: Schema.String,
        onCrash: "ask",
        timeout: "300 millis",
        run: (_, { attempt, key }) => deaf.run(attempt, key)
      })
      const layer = W.toLayer(() => pay())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* over(host)
      for (const how of ["in memory", "evicted", "after a crash"]) {
        if (how === "evicted") yield* host.evict
        if (how === "after a crash") host = yield* world.restart(host, layer)
        yield* pass(host, "1 day")
        assert.deepStrictEqual(yield* world.waits(id), [{
          reason: "outcome-unknown",
          key: "pay",
          detail: `step "pay" took longer than its timeout, and its body could not be stopped`
        }], how)
      }
      assert.strictEqual(deaf.begun, 1)
      yield* world.tell(id, "settle", { key: "pay", by: "ada", action: { _tag: "complete", output: "paid" } })
      yield* assertOutput(host, W, id, "paid")
    }))

  it.effect("S2: with `probe` the probe is asked first, and the body runs again only when it was not done", () =>
    Effect.gen(function*() {
      for (const done of [true, false]) {
        const world = yield* CrashHost.make
        const deaf = new Deaf()
        const book = Step.make("book", {
          success: Schema.String,
          onCrash: "probe",
          timeout: "300 millis",
          probe: () => Effect.succeed(done ? Option.some("found") : Option.none()),
          run: (_, { attempt, key }) => deaf.run(attempt, key)
        })
        const host = yield* world.start(W.toLayer(() => book()))
        const id = yield* begin(host, W)
        yield* over(host)
        assert.strictEqual(deaf.begun, done ? 1 : 2)
        assert.deepStrictEqual((yield* requests(world, id))[1], ["book", 1, 1, "probe"])
        if (!done) yield* deaf.end(1, "booked")
        yield* host.settled
        yield* assertOutput(host, W, id, done ? "found" : "booked")
        yield* host.kill
      }
    }))

  it.effect("S13: a body that never ends is given up as `recovery` after its recoveries, and says why", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const deaf = new Deaf()
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "rerun",
        timeout: "300 millis",
        run: (_, { attempt, key }) => deaf.run(attempt, key)
      })
      const layer = W.toLayer(() => slow())
      let host = yield* world.start(layer, { maxRecoveries: 2 })
      const id = yield* begin(host, W)
      for (let round = 0; round < 10; round++) yield* over(host)
      assert.strictEqual(deaf.begun, 3)
      for (const restart of [false, true]) {
        if (restart) host = yield* world.restart(host, layer, { maxRecoveries: 2 })
        yield* host.settled
        assert.deepInclude((yield* world.waits(id))[0], {
          reason: "recovery",
          key: "slow",
          detail:
            `the body of step "slow" was cut short 3 times, and the last time it could not be stopped at its timeout`
        })
      }
      yield* world.tell(id, "settle", { key: "slow", by: "ada", action: { _tag: "fail", message: "enough" } })
      assert.strictEqual((yield* world.run(id)).status, "failed")
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("an outcome that comes late is noted and never taken, whatever it is", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const deaf = new Deaf()
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "rerun",
        timeout: "300 millis",
        run: (_, { attempt, key }) => deaf.run(attempt, key)
      })
      const host = yield* world.start(W.toLayer(() => slow()))
      const id = yield* begin(host, W)
      yield* over(host)
      yield* deaf.end(0, "too late")
      yield* host.settled
      assert.deepStrictEqual(yield* notes(world, id, "step-late"), [
        `attempt 1 of step "slow", which was let go at its timeout, has ended`
      ])
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* deaf.end(1, "in time")
      yield* host.settled
      yield* assertOutput(host, W, id, "in time")
      const second = yield* world.restart(host, W.toLayer(() => slow()))
      yield* assertOutput(second, W, id, "in time")
    }))

  it.effect("a call that keeps the process busy past its timeout and the grace comes late: it is noted with what it came to, and not taken", () =>
    Effect.gen(function*() {
      for (const busyMs of [500, 700]) {
        for (const onCrash of ["rerun", "ask"] as const) {
          const world = yield* CrashHost.make
          const clock = yield* Clock.Clock
          let skew = 0n
          let bodies = 0
          const busy = Step.make("busy", {
            success: Schema.Int,
            onCrash,
            timeout: "300 millis",
            run: () =>
              Effect.sync(() => {
                if (++bodies === 1) skew += BigInt(busyMs) * 1_000_000n
                return bodies
              })
          })
          const skewed: Clock.Clock = {
            currentTimeMillis: clock.currentTimeMillis,
            currentTimeNanos: clock.currentTimeNanos,
            monotonicTimeNanos: Effect.sync(() => clock.monotonicTimeNanosUnsafe() + skew),
            currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
            currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
            monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + skew,
            sleep: (duration) => clock.sleep(duration)
          }
          const host = yield* Effect.provideService(world.start(W.toLayer(() => busy())), Clock.Clock, skewed)
          const id = yield* begin(host, W)
          if (busyMs === 500) yield* assertOutput(host, W, id, 1)
          else {
            assert.deepStrictEqual(yield* notes(world, id, "step-late"), [
              `attempt 1 of step "busy", which was let go at its timeout, has succeeded with 1; that is not taken`
            ])
            if (onCrash === "rerun") yield* assertOutput(host, W, id, 2)
            else assert.strictEqual((yield* world.run(id)).reason, "outcome-unknown")
          }
          yield* host.kill
        }
      }
    }))

  it.effect("S13: one that is told to stop and stops has timed out, and its policy decides, however long its finalizers take within the grace", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "ask",
        timeout: "10 seconds",
        retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 })),
        run: (_, { attempt }) =>
          attempt === 2
            ? Effect.succeed("second")
            : Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep("900 millis"), log.add("closed")))
      })
      const host = yield* world.start(W.toLayer(() => slow()))
      const id = yield* begin(host, W)
      yield* pass(host, "10 seconds")
      yield* pass(host, "1 second")
      assert.deepStrictEqual(log.entries, ["closed"])
      assert.include(yield* world.run(id), { status: "suspended", reason: "timer" })
      yield* pass(host, "1 minute")
      yield* assertOutput(host, W, id, "second")
    }))

  it.effect("the host says how long that may be", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const deaf = new Deaf()
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "ask",
        timeout: "10 minutes",
        run: (_, { attempt, key }) => deaf.run(attempt, key)
      })
      const host = yield* world.start(W.toLayer(() => slow()), { timeoutGraceMs: 5_000 })
      const id = yield* begin(host, W)
      yield* pass(host, "10 minutes")
      yield* pass(host, "4999 millis")
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* pass(host, "1 millis")
      assert.strictEqual((yield* world.run(id)).reason, "outcome-unknown")
    }))

  it.effect("S1: what it still asks its run for is refused, and nothing of it is in the journal", () =>
    Effect.gen(function*() {
      const log = new Log()
      const Box = DurableDeferred.make("box", { success: Schema.Int })
      const Child = define("Child")
      const asks: Record<
        string,
        Effect.Effect<unknown, never, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
      > = {
        step: echo(log)("late"),
        activity: Activity.make({ name: "act", execute: log.add("act") }),
        child: Effect.orDie(
          Child.execute({ id: "c" }) as Effect.Effect<unknown, unknown, WorkflowEngine.WorkflowEngine>
        ),
        deferred: Effect.flatMap(
          DurableDeferred.token(Box),
          (token) => DurableDeferred.succeed(Box, { token, value: 1 })
        ),
        wait: DurableDeferred.await(Box)
      }
      for (const [name, ask] of Object.entries(asks)) {
        const world = yield* CrashHost.make
        const gate = Deferred.makeUnsafe<void>()
        const slow = Step.make("slow", {
          onCrash: "ask",
          timeout: "300 millis",
          run: () =>
            uncut(
              Effect.andThen(
                Deferred.await(gate),
                Effect.asVoid(Effect.exit(ask).pipe(Effect.tap((exit) => log.add(`${name} ${exit._tag}`))))
              ) as Effect.Effect<void>
            )
        })
        const host = yield* world.start(W.toLayer(() => slow()))
        const id = yield* begin(host, W)
        yield* over(host)
        const before = (yield* world.rows(id)).length
        yield* Deferred.succeed(gate, undefined)
        yield* giveWay(50)
        yield* host.settled
        assert.deepStrictEqual(log.entries.splice(0), [`${name} Failure`])
        const rows = (yield* world.rows(id)).slice(before)
        assert.lengthOf(rows, 1, `${name}: ${rows}`)
        assert.include(rows[0], "step-late")
        assert.isEmpty(yield* world.inbox(id))
        yield* host.kill
      }
    }))

  it.effect("S1: a step in it that is on its way is joined by the body that runs again, and runs once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const inner = Step.make("inner", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.as(Effect.andThen(log.add("inner"), Deferred.await(gate)), "in")
      })
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        timeout: "300 millis",
        run: () => uncut(inner() as Effect.Effect<string>)
      })
      const host = yield* world.start(W.toLayer(() => outer()))
      const id = yield* begin(host, W)
      yield* over(host)
      yield* Deferred.succeed(gate, undefined)
      yield* giveWay(20)
      yield* host.settled
      yield* assertOutput(host, W, id, "in")
      assert.deepStrictEqual(log.entries, ["inner"])
    }))

  it.effect("S7: one that waits for something durable in it is let go too, and the run is not taken for one that waits for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Box = DurableDeferred.make("box", { success: Schema.Int })
      let bodies = 0
      const slow = Step.make("slow", {
        success: Schema.Int,
        onCrash: "rerun",
        timeout: "300 millis",
        run: () =>
          ++bodies === 1
            ? uncut(DurableDeferred.await(Box) as Effect.Effect<number>)
            : Effect.as(Effect.sleep("200 millis"), bodies)
      })
      const host = yield* world.start(W.toLayer(() => slow()))
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* over(host)
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* pass(host, "200 millis")
      yield* assertOutput(host, W, id, 2)
    }))

  it.effect("S2: a question to the probe that does not end is one that it could not answer, and an operator is asked", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const gate = Deferred.makeUnsafe<void>()
      const book = Step.make("book", {
        success: Schema.String,
        onCrash: "probe",
        timeout: "300 millis",
        probe: () => uncut(Effect.as(Deferred.await(gate), Option.some("late"))),
        run: () => Effect.never
      })
      const layer = W.toLayer(() => book())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const host = yield* world.restart(first, layer)
      yield* host.settled
      yield* over(host)
      assert.match(
        (yield* world.waits(id))[0]!.detail!,
        /its probe failed: StepTimedOut: Step "book" took longer than its timeout of 300 ms|its probe failed: Step "book" took/
      )
      yield* Deferred.succeed(gate, undefined)
      yield* giveWay(20)
      yield* host.settled
      assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
    }))

  it.effect("S4: a process that dies before, at or behind the letting go leaves a step that its rule decides about", () =>
    Effect.gen(function*() {
      for (const onCrash of ["rerun", "ask"] as const) {
        for (const [when, which] of [["before", 1], ["after", 1], ["before", 2], ["after", 2]] as const) {
          const world = yield* CrashHost.make
          let bodies = 0
          const slow = Step.make("slow", {
            success: Schema.String,
            onCrash,
            timeout: "300 millis",
            run: () => ++bodies === 1 ? uncut(Effect.never) : Effect.succeed("again")
          })
          const layer = W.toLayer(() => slow())
          let host = yield* world.start(layer)
          const id = yield* begin(host, W)
          host.killAt(which, when, "entries")
          yield* over(host)
          host = yield* world.restart(host, layer)
          yield* host.settled
          if (onCrash === "rerun") yield* assertOutput(host, W, id, "again")
          else {assert.deepInclude(
              yield* world.run(id),
              { status: "suspended", reason: "outcome-unknown" },
              `${when} ${which}`
            )}
          yield* host.kill
        }
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S8: a cancel in the grace, or of a run whose body was let go, does not wait for it", () =>
    Effect.gen(function*() {
      for (const millis of [300, 600]) {
        const world = yield* CrashHost.make
        const deaf = new Deaf()
        const pay = Step.make("pay", {
          success: Schema.String,
          onCrash: "ask",
          timeout: "300 millis",
          run: (_, { attempt, key }) => deaf.run(attempt, key)
        })
        const host = yield* world.start(W.toLayer(() => pay()))
        const id = yield* begin(host, W)
        yield* pass(host, "300 millis")
        if (millis > 300) yield* pass(host, "300 millis")
        yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
        if (millis === 300) {
          assert.strictEqual((yield* world.run(id)).status, "running")
          yield* pass(host, "300 millis")
        }
        assert.strictEqual((yield* world.run(id)).status, "cancelled", `${millis} ms`)
        yield* deaf.end(0, "late")
        yield* host.settled
        assert.strictEqual((yield* world.journal(id)).at(-1)?._tag, "RunCancelled")
        yield* host.kill
      }
    }))

  it.effect("a timeout of the workflow around a step, a lost race and a cancel wait for no body", () =>
    Effect.gen(function*() {
      const around: Record<
        string,
        (
          slow: Effect.Effect<string, never, Engine | WorkflowEngine.WorkflowInstance>
        ) => Effect.Effect<unknown, never, Engine | WorkflowEngine.WorkflowInstance>
      > = {
        timeout: (slow) => Effect.timeoutOption(slow, "300 millis"),
        race: (slow) => Effect.raceFirst(slow, Effect.sleep("300 millis")),
        cancel: (slow) => slow
      }
      for (const [name, body] of Object.entries(around)) {
        const world = yield* CrashHost.make
        const deaf = new Deaf()
        const slow = Step.make("slow", {
          success: Schema.String,
          onCrash: "rerun",
          run: (_, { attempt, key }) => deaf.run(attempt, key)
        })
        const host = yield* world.start(
          W.toLayer(() => Effect.andThen(body(slow()), Effect.as(Signal.receive(Go), "went")))
        )
        const id = yield* begin(host, W)
        if (name === "cancel") {
          yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
          assert.strictEqual((yield* world.run(id)).status, "cancelled")
        } else {
          yield* pass(host, "300 millis")
          assert.include(yield* world.run(id), { status: "suspended", reason: "signal" }, name)
          yield* deaf.end(0, "too late")
          yield* host.evict
          yield* world.tell(id, "signal", { name: "go", payload: null })
          yield* assertOutput(host, W, id, "went")
        }
        yield* host.kill
      }
    }))

  it.effect("S2: a step that was let go, has lost its race, and is asked for again by its key is not taken for one that was merely cut short", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const deaf = new Deaf()
      const pay = Step.make("pay", {
        key: () => "1",
        success: Schema.String,
        onCrash: "ask",
        timeout: "300 millis",
        run: (_, { attempt, key }) => deaf.run(attempt, key)
      })
      const layer = W.toLayer(() => Effect.andThen(Effect.timeoutOption(pay(), "1 minute"), pay()))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* over(host)
      yield* pass(host, "1 minute")
      for (const restart of [false, true]) {
        if (restart) host = yield* world.restart(host, layer)
        yield* host.settled
        assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      }
      assert.strictEqual(deaf.begun, 1)
    }))

  it.effect("S4: an orderly end of the process in the grace leaves a step that its rule decides about", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let bodies = 0
      const slow = Step.make("slow", {
        success: Schema.Int,
        onCrash: "rerun",
        timeout: "300 millis",
        run: () => ++bodies === 1 ? uncut(Effect.never) : Effect.succeed(bodies)
      })
      const layer = W.toLayer(() => slow())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* pass(first, "300 millis")
      yield* first.close
      const second = yield* world.start(layer)
      yield* second.settled
      yield* assertOutput(second, W, id, 2)
    }))

  it.effect("a machine that was asleep has used up no timeout", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "ask",
        timeout: Duration.minutes(5),
        run: () => Effect.as(Effect.sleep("4 minutes"), "done")
      })
      const host = yield* world.start(W.toLayer(() => slow()))
      const id = yield* begin(host, W)
      yield* world.setHost(3_600_000)
      yield* pass(host, "4 minutes")
      yield* assertOutput(host, W, id, "done")
      assert.isEmpty(log.entries)
    }))
})
