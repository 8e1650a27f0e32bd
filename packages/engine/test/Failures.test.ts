import { assert, describe, it } from "@effect/vitest"
import * as ErrorJson from "@fermata/core/ErrorJson"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Layer, Redacted, Schema } from "effect"
import { Activity, Workflow, type WorkflowEngine } from "effect/workflow"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, exitOf } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })

/** What `fetch` throws when nobody listens. */
const refused = () =>
  new TypeError("fetch failed", {
    cause: Object.assign(
      new AggregateError([
        Object.assign(new Error("connect ECONNREFUSED ::1:9"), { code: "ECONNREFUSED", address: "::1", port: 9 }),
        Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), {
          code: "ECONNREFUSED",
          address: "127.0.0.1",
          port: 9
        })
      ]),
      { code: "ECONNREFUSED" }
    )
  })

/** What a body is told of a failure, in words that two tellings must have in common. */
const told = (cause: Cause.Cause<unknown>) =>
  cause.reasons.map((reason) => {
    const error = Cause.isDieReason(reason) ? reason.defect : Cause.isFailReason(reason) ? reason.error : undefined
    const stack = error instanceof Error ? error.stack : undefined
    return [ErrorJson.encode(error), Cause.isDieReason(reason) ? stack : undefined]
  })

const steps: Readonly<
  Record<
    string,
    () => Effect.Effect<void, never, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
  >
> = {
  "a promise of a step": Step.make("call", {
    onCrash: "rerun",
    run: () => Effect.promise(() => Promise.reject(refused()))
  }),
  "a promise that a step has made a defect": Step.make("call", {
    onCrash: "rerun",
    run: () => Effect.orDie(Effect.tryPromise(() => Promise.reject(refused())))
  }),
  "a step that throws": Step.make("call", {
    onCrash: "rerun",
    run: () =>
      Effect.sync(() => {
        throw refused()
      })
  }),
  "an activity": () =>
    Activity.make({
      name: "call",
      execute: Effect.sync(() => {
        throw refused()
      })
    })
}

describe("why it failed is kept", () => {
  for (const [what, step] of Object.entries(steps)) {
    it.effect(`S14: ${what}: the journal has the whole chain, and the body is told the same live and on replay`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const W = define("W")
        const heard: Array<unknown> = []
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          const exit = yield* Effect.exit(step())
          heard.push(Exit.isFailure(exit) ? told(exit.cause) : exit)
          return yield* Signal.receive(Go)
        }))
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        const second = yield* world.restart(first, layer)
        yield* world.tell(id, "signal", { name: "go", payload: "" })
        yield* second.settled
        assert.lengthOf(heard, 2)
        assert.deepStrictEqual(heard[1], heard[0])
        const failed = (yield* world.journal(id)).find((entry) => entry._tag === "StepFailed")
        const text = JSON.stringify(failed)
        for (
          const part of [
            "TypeError",
            "fetch failed",
            "AggregateError",
            "connect ECONNREFUSED 127.0.0.1:9",
            "\"port\":9",
            "\"code\":\"ECONNREFUSED\""
          ]
        ) assert.include(text, part)
        assert.include(text, "refused (packages/engine/test/Failures.test.ts:")
        assert.notMatch(text, /packages\/\w+\/src|node_modules|node:internal/)
        assert.strictEqual(
          FailureText.ofCause(failed?._tag === "StepFailed" ? failed.cause : undefined),
          "fetch failed: connect ECONNREFUSED ::1:9; connect ECONNREFUSED 127.0.0.1:9"
        )
      }))
  }

  it.effect("a typed failure is what its schema says, and the journal has what caused it beside it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const secret = Redacted.make("4111")
      class Charged extends Schema.TaggedError<Charged>()("Charged", { cents: Schema.Int }) {}
      const charge = Step.make("charge", {
        error: Charged,
        onCrash: "rerun",
        run: () => {
          const error = new Charged({ cents: 5 })
          error.cause = Object.assign(new Error("no answer", { cause: refused() }), { card: secret })
          return Effect.fail(error)
        }
      })
      const heard: Array<unknown> = []
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const error = yield* Effect.orDie(Effect.flip(charge()))
        heard.push(error instanceof Charged && { cents: error.cents, cause: error.cause })
        yield* Signal.receive(Go)
        return "done"
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: "" })
      yield* second.settled
      assert.deepStrictEqual(heard, [{ cents: 5, cause: undefined }, { cents: 5, cause: undefined }])
      const journal = yield* world.journal(id)
      const failed = journal.find((entry) => entry._tag === "StepFailed")
      const cause = failed?._tag === "StepFailed" ? failed.cause : undefined
      assert.deepStrictEqual(ExitJson.withoutPlaces(cause), [{ _tag: "Fail", error: { _tag: "Charged", cents: 5 } }])
      const text = JSON.stringify(cause)
      for (const part of ["no answer", "fetch failed", "<redacted>", "connect ECONNREFUSED ::1:9"]) {
        assert.include(text, part)
      }
      assert.notInclude(text, "4111")
    }))

  it.effect("a parent is told of the defect of its child what the child has recorded", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Child = define("child")
      const Parent = define("parent")
      const heard: Array<unknown> = []
      const layer = Layer.mergeAll(
        Child.toLayer(() => Effect.die(refused())),
        Parent.toLayer(Effect.fnUntraced(function*() {
          const exit = yield* Effect.exit(Child.execute({ id: "1" }))
          heard.push(Exit.isFailure(exit) ? told(exit.cause) : exit)
          return yield* Signal.receive(Go)
        }))
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, Parent)
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: "done" })
      yield* second.settled
      assert.lengthOf(heard, 2)
      assert.deepStrictEqual(heard[1], heard[0])
      assert.include(JSON.stringify(heard[0]), "connect ECONNREFUSED 127.0.0.1:9")
      const ended = yield* exitOf(second, Child, yield* Child.executionId({ id: "1" }))
      assert.include(JSON.stringify(Exit.isFailure(ended!) ? told(ended.cause) : ended), "\"port\":9")
    }))

  it.effect("S1: a finalizer that dies behind the result of its run is the end of it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.as(Workflow.addFinalizer(() => Effect.die(new Error("not cleared away"))), "done"))
      )
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.include(JSON.stringify((yield* world.journal(id)).at(-1)), "not cleared away")
    }))

  it.effect("S8: a run that succeeds undoes nothing and records no end by failure, whatever it could undo", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.as(W.withCompensation(Effect.void, () => Effect.die("undone")), "done"))
      )
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* world.story(id), ["RunRequested", "RunCompleted"])
    }))

  it.effect("an error with ten megabytes in it, in a circle, or that throws when it is looked at fails its step and is kept within bounds", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const circle: { again?: unknown } = {}
      circle.again = circle
      const errors = [
        Object.assign(new Error("large"), { response: { body: "x".repeat(10_000_000) } }),
        Object.assign(new Error("in a circle"), { circle }),
        Object.defineProperty(new Error("throwing"), "bad", {
          enumerable: true,
          get: () => {
            throw new Error("no")
          }
        }),
        { response: "x".repeat(10_000_000) },
        circle,
        Symbol("odd"),
        10n
      ]
      const fail = Step.make("fail", { input: Schema.Int, onCrash: "rerun", run: (index) => Effect.die(errors[index]) })
      const host = yield* world.start(
        W.toLayer(() =>
          Effect.map(
            Effect.forEach(errors, (_, index) => Effect.exit(fail(index))),
            (exits) => exits.filter(Exit.isFailure).length
          )
        )
      )
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.succeed(errors.length))
      const failed = (yield* world.journal(id)).filter((entry) => entry._tag === "StepFailed")
      assert.lengthOf(failed, errors.length)
      for (const entry of failed) assert.isBelow(JSON.stringify(entry).length, 20_000)
      assert.include(JSON.stringify(failed[2]), "(it cannot be read)")
    }))
})
