/** Engines with a fault, each found by the simulator; faults of stores are in `test/simulation/doubles.ts`. */
import { assert, describe, it } from "@effect/vitest"
import type { CrashHost } from "@fermata/testing"
import * as Simulator from "@fermata/testing/Simulator"
import { Context, Effect, Layer } from "effect"
import { Engine } from "../src/Engine.ts"
import * as CurrentRuntime from "../src/internal/CurrentRuntime.ts"
import type { EngineRuntime } from "../src/internal/EngineRuntime.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { define } from "./support/Program.ts"

const Leave = Signal.make("leave")
const Child = define("child")
const Parent = define("parent")

const patient = Layer.merge(
  Child.toLayer(() => Effect.sleep("1 hour")),
  Parent.toLayer(({ id }) =>
    Effect.all([Child.execute({ id }), Signal.receive(Leave)], { concurrency: "unbounded", discard: true })
  )
)
const errand = Layer.merge(
  Child.toLayer(() => Effect.void),
  Parent.toLayer(({ id }) =>
    Step.make("errand", { onCrash: "rerun", run: () => Child.execute({ id }, { discard: true }) })()
  )
)

const faulty = (layer: Layer.Layer<never, unknown, CrashHost.Services>, tamper: (runtime: EngineRuntime) => void) =>
  Effect.flip(Simulator.explore(Parent, {
    payload: { id: "1" },
    layer,
    mode: "random",
    shorten: false,

    // A person cancels who waits for the signal.
    answer: ({ reason }) =>
      reason === "signal" ? { kind: "cancel", message: { kind: "cancel", by: "ada", reason: "enough" } } : undefined,
    tamper: (services) => tamper(CurrentRuntime.of(Context.get(services, Engine)))
  }))

describe("the simulator finds an engine that", () => {
  it.live("S8: leaves nothing when it is told to stop", () =>
    Effect.gen(function*() {
      const found = yield* faulty(patient, ({ executorHost }) => {
        const { commit } = executorHost
        Object.assign(executorHost, {
          commit: ((run, { leaves: _, outbox, ...rest }, done) =>
            commit(run, {
              ...rest,
              outbox: outbox.filter(({ kind }) => kind !== "leave")
            }, done)) satisfies typeof commit
        })
      })
      assert.strictEqual(found.promise, "S8", found.problem)
    }))

  it.live("S7: says of a run that it waits for something else than its journal has", () =>
    Effect.gen(function*() {
      const found = yield* faulty(patient, ({ executorHost }) => {
        const { commit } = executorHost
        Object.assign(executorHost, {
          commit: ((run, { status, ...rest }, done) =>
            commit(run, {
              ...rest,
              status: status?.waits == null ? status : { ...status, waits: status.waits.replace("leave", "left") }
            }, done)) satisfies typeof commit
        })
      })
      assert.strictEqual(found.promise, "S7", found.problem)
      assert.include(found.problem, "by its journal")
    }))

  it.live("S4: takes a failure of the store for that of a step which asked it for something", () =>
    Effect.gen(function*() {
      const found = yield* faulty(
        errand,
        ({ writer }) => void Object.assign(writer.patience, { persist: <A>(asked: A) => asked })
      )
      assert.strictEqual(found.promise, "S4", found.problem)
    }))
})
