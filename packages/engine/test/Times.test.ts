import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { DurableClock, type WorkflowEngine } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
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
        return [yield* Clock.currentTimeMillis, String(clock.currentTimeNanosUnsafe()), String(clock.monotonicTimeNanosUnsafe())]
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
      const waits: Record<string, Effect.Effect<void, never, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>> = {
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
        for (const entry of yield* world.journal(id)) assert.isTrue(Number.isInteger(entry.at), `${name}: ${entry._tag} at ${entry.at}`)
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
