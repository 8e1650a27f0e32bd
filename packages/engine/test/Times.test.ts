import { assert, describe, it } from "@effect/vitest"
import * as DurableTime from "@fermata/core/DurableTime"
import * as Suspension from "@fermata/core/Suspension"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { DurableClock, type WorkflowEngine } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Watchdog from "../src/Watchdog.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, Declined, define, exitOf, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")

describe("fractions of a millisecond", () => {
  it.effect("a run under a clock that shows them goes on, and reads whole milliseconds in every form", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Signal.receive(Go)
        const clock = yield* Clock.Clock
        return [
          yield* Clock.currentTimeMillis,
          String(clock.currentTimeNanosUnsafe()),
          String(clock.monotonicTimeNanosUnsafe())
        ]
      })))
      yield* TestClock.adjust("0.5 millis")
      const id = yield* begin(host, W)
      yield* TestClock.adjust("1250.25 millis")
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, [1_250, "1250000000", "1250000000"])
    }))

  it.effect("every wait that is asked for with them, or begins in the middle of one, ends", () =>
    Effect.gen(function*() {
      const log = new Log()
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.spaced("10.3 millis").pipe(Schedule.upTo({ times: 1 })),
        run: () => Effect.andThen(log.add("flaky"), new Declined({ reason: "no" }))
      })
      const slow = Step.make("slow", { onCrash: "rerun", timeout: "10.3 millis", run: () => Effect.never })
      const waits: Record<
        string,
        Effect.Effect<void, never, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
      > = {
        sleep: Effect.sleep("10.3 millis"),
        timeout: Effect.ignore(Effect.timeout(Signal.receive(Go), "10.3 millis")),
        deadline: Effect.ignore(Approval.ask("ok", { prompt: "?", approvers: ["ada"], deadline: "10.3 millis" })),
        clock: DurableClock.sleep({ name: "c", duration: "10.3 millis", inMemoryThreshold: 0 }),
        retry: Effect.ignore(flaky()),
        step: Effect.ignoreCause(slow())
      }
      for (const [name, wait] of Object.entries(waits)) {
        const world = yield* CrashHost.make
        const host = yield* world.start(W.toLayer(() => Effect.as(wait, name)))
        yield* TestClock.adjust("0.4 millis")
        const id = yield* begin(host, W)
        yield* pass(host, "10 millis")
        assert.isUndefined(yield* exitOf(host, W, id), `${name} ended early`)
        yield* pass(host, "2 millis")
        yield* assertOutput(host, W, id, name)
        for (const entry of yield* world.journal(id)) {
          assert.isTrue(Number.isInteger(entry.at), `${name}: ${entry._tag} at ${entry.at}`)
        }
        yield* host.kill
      }
      assert.strictEqual(log.count("flaky"), 2)
    }))

  it.effect("a timeout with a fraction says so by the whole millisecond at which it ends", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const slow = Step.make("slow", { onCrash: "rerun", timeout: "1.5 millis", run: () => Effect.never })
      const host = yield* world.start(W.toLayer(() => slow()))
      const id = yield* begin(host, W)
      yield* pass(host, "2 millis")
      const failed = (yield* world.journal(id)).find((entry) => entry._tag === "StepFailed")
      assert.include(JSON.stringify(failed), "took longer than its timeout of 2 ms")
    }))
})

const Endless = W.annotate(Workflows.Limits, { maxRunMs: Infinity })

const huge = Number.MAX_SAFE_INTEGER

/** All that a body can wait for, for this long. */
const waitsFor = (
  log: Log,
  duration: Duration.Input
): Record<
  string,
  Effect.Effect<void, unknown, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
> => ({
  sleep: Effect.sleep(duration),
  "schedule of the body": Effect.repeat(Effect.void, Schedule.spaced(duration)).pipe(Effect.asVoid),
  clock: DurableClock.sleep({ name: "c", duration }),
  "deadline of an approval": Approval.ask("ok", { prompt: "?", approvers: ["ada"], deadline: duration }).pipe(
    Effect.asVoid
  ),
  "retry of a step": Step.make("flaky", {
    error: Declined,
    onCrash: "rerun",
    retry: Schedule.spaced(duration),
    run: () => Effect.andThen(log.add("flaky"), new Declined({ reason: "no" }))
  })()
})

describe("times that cannot be stored", () => {
  it.effect("S17: a finite time that ends after the year 9999 is an error at the call that names it, and nothing of it is stored", () =>
    Effect.gen(function*() {
      for (const name of Object.keys(waitsFor(new Log(), 1))) {
        const world = yield* CrashHost.make
        const layer = W.toLayer(() => waitsFor(new Log(), huge)[name]!.pipe(Effect.catch(Effect.die)))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        const text = JSON.stringify((yield* world.journal(id)).at(-1))
        assert.include(text, `"RunFailed"`, name)
        assert.match(text, /of 9007199254740991 ms ends after the year 9999, .* Duration\.infinity/, name)
        assert.notMatch((yield* world.rows(id)).join(), /"(dueAt|deadline|retryAt)":/, name)
        host = yield* world.restart(host, layer)
        assert.strictEqual((yield* world.run(id)).status, "failed")
        yield* host.kill
      }
    }))

  it.effect("a timeout in the body, and one of a step, that end after the year 9999 are errors too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Effect.orDie(Effect.timeout(Signal.receive(Go), huge))))
      const id = yield* begin(host, W)
      assert.include(JSON.stringify((yield* world.journal(id)).at(-1)), "TimeTooLate")
      assert.throws(
        () => Step.make("slow", { onCrash: "rerun", timeout: huge, run: () => Effect.void }),
        /step "slow" of 9007199254740991 ms/
      )
    }))

  it.effect("the last time that can be stored is the end of the year 9999, and one ms more is too late", () =>
    Effect.gen(function*() {
      for (const more of [0, 1]) {
        const world = yield* CrashHost.make
        yield* TestClock.setTime(DurableTime.latest - 1_000)
        const layer = W.toLayer(() => Effect.as(Effect.sleep(1_000 + more), "woken"))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        if (more === 1) assert.strictEqual((yield* world.run(id)).status, "failed")
        else {
          host = yield* world.restart(host, layer)
          yield* pass(host, "1 second")
          yield* assertOutput(host, W, id, "woken")
        }
        yield* host.kill
      }
    }))

  it.effect("S7: only infinity means never: the run is suspended, in memory and evicted and after a crash, and says that only an operator ends it", () =>
    Effect.gen(function*() {
      const log = new Log()
      for (const name of Object.keys(waitsFor(log, 1)).filter((name) => name !== "deadline of an approval")) {
        const world = yield* CrashHost.make
        const layer = Endless.toLayer(() => waitsFor(log, Duration.infinity)[name]!.pipe(Effect.catch(Effect.die)))
        let host = yield* world.start(layer)
        const id = yield* begin(host, Endless)
        for (const how of ["in memory", "evicted", "after a crash"]) {
          if (how === "evicted") yield* host.evict
          if (how === "after a crash") host = yield* world.restart(host, layer)
          yield* pass(host, "1000 days")
          assert.deepInclude(
            yield* world.run(id),
            { status: "suspended", reason: "operator", dueAt: null },
            `${name}, ${how}`
          )
          assert.deepInclude((yield* world.waits(id))[0], { reason: "operator", key: "never" })
          assert.isTrue(Suspension.waitsForPeople(yield* world.waits(id)))
        }
        assert.isEmpty(yield* Watchdog.survey(world.backend, 0, 100), name)
        yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
        assert.strictEqual((yield* world.run(id)).status, "cancelled", name)
        yield* host.kill
      }
      assert.strictEqual(log.count("flaky"), 1)
    }))

  it.effect("S7: code that waits for nothing which the engine knows of counts as waiting for ever a minute later, and not before", () =>
    Effect.gen(function*() {
      for (
        const body of [
          Effect.never,
          Effect.flatMap(Deferred.make<void>(), Deferred.await),
          Effect.raceFirst(Effect.never, Effect.sleep("1 hour").pipe(Effect.andThen(Effect.never)))
        ]
      ) {
        const world = yield* CrashHost.make
        const layer = W.toLayer(() => body)
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        if ((yield* world.run(id)).status === "suspended") yield* pass(host, "1 hour")
        yield* pass(host, 59_999)
        assert.notStrictEqual((yield* world.run(id)).reason, "operator")
        yield* pass(host, 1)
        for (const how of ["in memory", "evicted", "after a crash"]) {
          if (how === "evicted") yield* host.evict
          if (how === "after a crash") host = yield* world.restart(host, layer)
          yield* pass(host, "10 days")
          assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "operator" }, how)
          assert.deepInclude((yield* world.waits(id))[0], {
            key: "never",
            detail: "it waits for nothing that the engine knows of, and only a cancel ends that"
          })
        }
        yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
        assert.strictEqual((yield* world.run(id)).status, "cancelled")
        yield* host.kill
      }
    }))

  it.effect("S7: what waits for ever beside something else that ends is not what the run waits for", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() =>
        Effect.raceFirst(
          Effect.as(Effect.orDie(Effect.timeout(Signal.receive(Go), Duration.infinity)), "went"),
          Effect.as(DurableClock.sleep({ name: "c", duration: Duration.infinity }), "slept")
        )
      ))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* world.waits(id), [{ reason: "signal", key: "go" }])
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, "went")
    }))

  it.effect("an infinite deadline is none, and an infinite timeout of a step too; what is negative is over at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "rerun",
        timeout: Duration.infinity,
        run: () => Effect.as(Effect.sleep("10 minutes"), "slow")
      })
      const timely = Step.make("timely", { onCrash: "rerun", timeout: -1, run: () => Effect.never })
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.sleep(-1_000)
        yield* Effect.ignoreCause(timely())
        const denied = yield* Effect.orDie(
          Effect.flip(Approval.ask("late", { prompt: "?", approvers: ["ada"], deadline: Duration.negativeInfinity }))
        )
        const text = yield* slow()
        yield* Approval.ask("ok", { prompt: "?", approvers: ["ada"], deadline: Duration.infinity }).pipe(Effect.orDie)
        return `${denied.timedOut} ${text}`
      })))
      const id = yield* begin(host, W)
      yield* pass(host, "10 minutes")
      assert.deepInclude((yield* world.waits(id))[0], { reason: "approval", key: "ok" })
      assert.notProperty((yield* world.waits(id))[0], "until")
      yield* world.tell(id, "answer", { key: "ok", decision: "approve", by: "ada" })
      yield* assertOutput(host, W, id, "true slow")
    }))

  it.effect("S12: a limit that is no number that can be kept is refused where the workflow is registered", () =>
    Effect.gen(function*() {
      for (const limits of [{ maxRunMs: NaN }, { maxActiveMs: -1 }, { maxRunMs: huge }, { maxSteps: NaN }]) {
        const world = yield* CrashHost.make
        const exit = yield* Effect.exit(world.start(W.annotate(Workflows.Limits, limits).toLayer(() => Effect.void)))
        assert.match(
          String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
          /Workflow "W" has max\w+: .*; a limit is a number from 0 to/
        )
      }
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.annotate(Workflows.Limits, { maxRunMs: Infinity, maxActiveMs: Infinity, maxSteps: Infinity }).toLayer(() =>
          Effect.sleep("1000 days")
        )
      )
      const id = yield* begin(host, W)
      yield* pass(host, "1000 days")
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))

  it.effect("a journal that holds a later time than any that is written today is read, and its run goes on waiting", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = Endless.toLayer(() => Effect.as(Effect.raceFirst(Effect.sleep(1_000), Signal.receive(Go)), "went"))
      const first = yield* world.start(layer)
      const id = yield* begin(first, Endless)
      yield* first.close
      const run = world.store.runs.get(id)!
      const later = (text: string) => text.replace(/"(dueAt|until)":1000/g, `"$1":${huge + 1_000_001}`)
      assert.isTrue(run.entries.some((row) => later(row) !== row))
      run.entries.forEach((row, index) => void run.entries.splice(index, 1, later(row)))
      Object.assign(run, { row: { ...run.row, waits: later(run.row.waits!) } })
      const second = yield* world.start(layer)
      yield* pass(second, "1000 days")
      assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, "went")
    }))
})
