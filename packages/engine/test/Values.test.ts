import { assert, describe, it } from "@effect/vitest"
import { StoredJson } from "@fermata/core"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Fiber, Layer, Schedule, Schema, SchemaGetter } from "effect"
import { DurableDeferred, Workflow } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, exitOf, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W", { success: Schema.Any })
const Good = define("Good")

/** What a step under an opaque schema gives back, from a body that counts. */
const giving = (log: Log, value: () => unknown) =>
  Step.make("load", {
    success: Schema.Any,
    onCrash: "rerun",
    retry: Schedule.recurs(3),
    run: () => Effect.andThen(log.add("load"), Effect.sync(value))
  })

const circle = () => {
  const value: Record<string, unknown> = {}
  return Object.assign(value, { me: value })
}
const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

/** The defect that a run has died of. */
const defectOf = (exit: Exit.Exit<unknown, unknown> | undefined): Error => {
  if (exit === undefined || Exit.isSuccess(exit)) assert.fail(`it did not fail: ${String(exit)}`)
  const defect = Cause.squash(exit.cause)
  assert.instanceOf(defect, Error)
  return defect
}

describe("a value that cannot be stored", () => {
  const cases: ReadonlyArray<readonly [what: string, value: () => unknown, problem: string]> = [
    [
      "a bigint",
      () => ({ id: 10n }),
      `at "id" it has the bigint 10n; give it as text, or use the schema Schema.BigInt`
    ],
    ["a circle", circle, `at "me" it has the value itself again, in a circle`],
    ["a toJSON that throws", () => ({
      a: {
        toJSON: () => {
          throw new Error("x")
        }
      }
    }), `at "a" it has an object with a function toJSON`],
    ["6,000 levels", () => deep(6_000), "more than 1,000 levels of lists and objects"],
    ["too many characters", () => "x".repeat(StoredJson.maxLength), "more than 16,777,216 characters"],
    ["a Date", () => [new Date(0)], `at "[0]" it has a Date`],
    ["NaN", () => ({ a: NaN }), `at "a" it has the number NaN`]
  ]

  for (const [what, value, problem] of cases) {
    it.effect(`S17: ${what} as an outcome is a defect of its step, recorded and not tried again; other runs go on`, () =>
      Effect.gen(function*() {
        const log = new Log()
        const world = yield* CrashHost.make
        const host = yield* world.start(Layer.mergeAll(
          W.toLayer(() => giving(log, value)()),
          Good.toLayer(() => echo(log)("good"))
        ))
        const id = yield* begin(host, W)
        const good = yield* begin(host, Good)
        const { message } = defectOf(yield* exitOf(host, W, id))
        assert.include(message, `The outcome of step "load" in run ${id} of workflow "W" cannot be stored: `)
        assert.include(message, problem)
        assert.strictEqual(log.count("load"), 1)
        assert.deepStrictEqual(yield* world.story(id), [
          "RunRequested",
          "StepRequested load",
          "StepFailed load",
          "RunFailed"
        ])
        yield* assertOutput(host, Good, good, "good")
      }))

    it.effect(`S17: ${what} as an input fails the call, and nothing of it is recorded; other runs go on`, () =>
      Effect.gen(function*() {
        const log = new Log()
        const take = Step.make("take", { input: Schema.Any, onCrash: "rerun", run: () => log.add("take") })
        const world = yield* CrashHost.make
        const host = yield* world.start(Layer.mergeAll(
          W.toLayer(() =>
            Effect.gen(function*() {
              const exit = yield* Effect.exit(take(value()))
              return Exit.isFailure(exit) ? [String(Cause.squash(exit.cause)), yield* echo(log)("on")] : []
            })
          ),
          Good.toLayer(() => echo(log)("good"))
        ))
        const id = yield* begin(host, W)
        const good = yield* begin(host, Good)
        const exit = yield* exitOf(host, W, id)
        if (exit === undefined || Exit.isFailure(exit)) return assert.fail(String(exit))
        assert.include(exit.value[0], `The input of step "take" in run ${id} of workflow "W" cannot be stored: `)
        assert.include(exit.value[0], problem)
        assert.deepStrictEqual(log.entries, ["echo on", "echo good"])
        assert.deepStrictEqual(yield* world.story(id), [
          "RunRequested",
          "StepRequested echo",
          "StepCompleted echo",
          "RunCompleted"
        ])
        yield* assertOutput(host, Good, good, "good")
      }))
  }

  it.effect("S8: a result that cannot be stored fails its run, and undoes what the run did", () =>
    Effect.gen(function*() {
      const log = new Log()
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* W.withCompensation(echo(log)("paid"), () => log.add("refunded"))
        return { id: 10n }
      })))
      const id = yield* begin(host, W)
      assert.include(
        defectOf(yield* exitOf(host, W, id)).message,
        `The result in run ${id} of workflow "W" cannot be stored: at "id" it has the bigint 10n`
      )
      assert.deepStrictEqual(log.entries, ["echo paid", "refunded"])
    }))

  it.effect("S17: a defect that cannot be looked at is recorded as such", () =>
    Effect.gen(function*() {
      const nasty: ReadonlyArray<() => unknown> = [
        () =>
          new Proxy({}, {
            get: () => {
              throw new Error("no")
            },
            ownKeys: () => {
              throw new Error("no")
            },
            getPrototypeOf: () => {
              throw new Error("no")
            }
          }),
        () =>
          Object.defineProperty(new Error("a"), "message", {
            get: () => {
              throw new Error("no")
            }
          }),
        circle,
        () => Object.assign(new Error("big"), { cause: circle(), id: 10n }),
        () => ({ id: 10n }),
        () => Symbol("s"),
        () => deep(6_000)
      ]
      for (const [index, defect] of nasty.entries()) {
        const world = yield* CrashHost.make
        const host = yield* world.start(
          W.toLayer(() => Step.make("die", { onCrash: "rerun", run: () => Effect.die(defect()) })())
        )
        const id = yield* begin(host, W, `${index}`)
        assert.isTrue(Exit.isFailure((yield* exitOf(host, W, id))!), `${index}`)
        assert.deepStrictEqual(yield* world.story(id), [
          "RunRequested",
          "StepRequested die",
          "StepFailed die",
          "RunFailed"
        ])
      }
    }))
})

describe("values cross the boundary as text", () => {
  /** Lives a program up to its signal, then starts it anew, and compares what it saw. */
  const livedTwice = Effect.fnUntraced(function*(layer: Parameters<CrashHost.World["start"]>[0]) {
    const world = yield* CrashHost.make
    const first = yield* world.start(layer)
    const id = yield* begin(first, W)
    const rows = yield* world.rows(id)
    const second = yield* world.restart(first, layer)
    yield* second.settled
    assert.deepStrictEqual((yield* world.waits(id)).map(({ reason }) => reason), ["signal"])
    yield* world.tell(id, "signal", go)
    return { id, rows, host: second, world }
  })

  it.effect("S1, S9: a step that changes its input changes nothing for the body, which replays", () =>
    Effect.gen(function*() {
      const decrypt = Step.make("decrypt", {
        input: Schema.Uint8Array,
        onCrash: "rerun",
        run: (bytes) => Effect.sync(() => void bytes.reverse())
      })
      const store = Step.make("store", { input: Schema.Uint8Array, onCrash: "rerun", run: () => Effect.void })
      const { host, id } = yield* livedTwice(W.toLayer(Effect.fnUntraced(function*() {
        const bytes = new Uint8Array([1, 2, 3])
        yield* decrypt(bytes)
        yield* store(bytes)
        yield* Signal.receive(Go)
        return [...bytes]
      })))
      yield* assertOutput(host, W, id, [1, 2, 3])
    }))

  it.effect("S1: an input that is what is recorded is not read again by a replay", () =>
    Effect.gen(function*() {
      let reads = 0
      const Counted = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transform((text: string) => {
          reads++
          return text
        }),
        encode: SchemaGetter.passthrough()
      }))
      const load = Step.make("load", { input: Counted, onCrash: "rerun", run: () => Effect.void })
      const layer = W.toLayer(() => Effect.andThen(load("a"), Signal.receive(Go)))
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.strictEqual(reads, 1)
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", go)
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.strictEqual(reads, 1)
    }))

  it.effect("S2, S9: a body that runs again is given the recorded input, whatever the code has made of its own since it asked", () =>
    Effect.gen(function*() {
      const log = new Log()
      const charge = Step.make("charge", {
        input: Schema.Any,
        onCrash: "rerun",
        run: (order) =>
          Effect.andThen(
            log.add(`charge ${order.cents}`),
            Effect.suspend(() => log.entries.length === 1 ? Effect.never : Effect.void)
          )
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const order = { cents: 100 }
        const charging = yield* Effect.forkChild(charge(order), { startImmediately: true })
        order.cents = 999
        yield* Fiber.join(charging)
        return order.cents
      }))
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* first.settled
      const second = yield* world.restart(first, layer)
      yield* assertOutput(second, W, id, 999)
      assert.deepStrictEqual(log.entries, ["charge 100", "charge 100"])
    }))

  it.effect("S1, S9: a call whose input is refused takes no number, live and on replay", () =>
    Effect.gen(function*() {
      const log = new Log()
      const take = Step.make("take", {
        input: Schema.Any,
        onCrash: "rerun",
        run: (given) => log.add(`take ${String(given)}`)
      })
      const { host, id, world } = yield* livedTwice(W.toLayer(Effect.fnUntraced(function*() {
        const refused: Array<boolean> = []
        for (const given of [1, [undefined], "a", { [Symbol.for("hidden")]: 1 }, {}, () => 1, null]) {
          refused.push(Exit.isFailure(yield* Effect.exit(take(given))))
        }
        yield* Signal.receive(Go)
        return refused
      })))
      yield* assertOutput(host, W, id, [false, true, false, true, false, true, false])
      const asked = (yield* world.journal(id)).flatMap((entry) =>
        entry._tag === "StepRequested" ? [[entry.key, entry.input ?? null]] : []
      )
      assert.deepStrictEqual(asked, [["take", 1], ["take~2", "a"], ["take~3", {}], ["take~4", null]])
      assert.lengthOf(log.entries, 4)
    }))

  it.effect("S1: what a body does to an outcome reaches neither the journal nor another asker", () =>
    Effect.gen(function*() {
      const load = Step.make("load", {
        input: Schema.String,
        key: (name) => name,
        success: Schema.Any,
        onCrash: "rerun",
        run: (name) => Effect.succeed({ name, list: [1] })
      })
      const { host, id, world } = yield* livedTwice(W.toLayer(Effect.fnUntraced(function*() {
        const first = yield* load("a")
        first.list.push(2)
        const again = yield* load("a")
        const plain = yield* Step.make("plain", {
          success: Schema.Json,
          onCrash: "rerun",
          run: () => Effect.succeed([{ a: 1 }])
        })()
        Object.assign((plain as Array<object>)[0]!, { a: 2 })
        yield* Signal.receive(Go)
        return [first, again, plain]
      })))
      yield* assertOutput(host, W, id, [{ name: "a", list: [1, 2] }, { name: "a", list: [1] }, [{ a: 2 }]])
      const outputs = (yield* world.journal(id)).flatMap((entry) =>
        entry._tag === "StepCompleted" ? [entry.output] : []
      )
      assert.deepStrictEqual(outputs, [{ name: "a", list: [1] }, [{ a: 1 }]])
    }))

  it.effect("S6: -0, absent values and members read the same at once and after a restart", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const of = (name: string, success: Schema.Top, value: unknown) =>
        Step.make(name, { success: success as typeof Schema.Any, onCrash: "rerun", run: () => Effect.succeed(value) })()
      const { host, id } = yield* livedTwice(W.toLayer(Effect.fnUntraced(function*() {
        const values = [
          yield* of("zero", Schema.Number, -0),
          yield* of("any zero", Schema.Any, -0),
          yield* of("zeros", Schema.Any, { n: [-0] }),
          yield* of("nothing", Schema.Any, undefined),
          yield* of("void", Schema.Void, undefined),
          yield* of("member", Schema.Any, { a: undefined, b: null }),
          yield* of("nan", Schema.Number, NaN)
        ]
        seen.push(values.map((value) => Object.is(value, -0) ? "-0" : value))
        yield* Signal.receive(Go)
      })))
      assert.lengthOf(seen, 2)
      assert.deepStrictEqual(seen[0], seen[1])
      assert.deepStrictEqual(seen[0], [0, 0, { n: [0] }, undefined, undefined, { b: null }, NaN])
      yield* assertOutput(host, W, id, undefined)
    }))

  it.effect("S6: what a body completes of its own, and what it then does to it, is awaited as it was recorded", () =>
    Effect.gen(function*() {
      const Done = DurableDeferred.make("done", { success: Schema.Json })
      const { host, id } = yield* livedTwice(W.toLayer(Effect.fnUntraced(function*() {
        const value = { list: [1] }
        yield* DurableDeferred.succeed(Done, { token: yield* DurableDeferred.token(Done), value })
        value.list.push(2)
        const first = (yield* DurableDeferred.await(Done)) as typeof value
        first.list.push(3)
        const again = yield* DurableDeferred.await(Done)
        yield* Signal.receive(Go)
        return [value, first, again]
      })))
      yield* assertOutput(host, W, id, [{ list: [1, 2] }, { list: [1, 3] }, { list: [1] }])
    }))

  it.effect("S11: a child is given what was recorded, and its parent what the child's journal says", () =>
    Effect.gen(function*() {
      const Child = Workflow.make("Child", {
        payload: { id: Schema.String, data: Schema.Json },
        success: Schema.Json,
        idempotencyKey: ({ id }) => id
      })
      const { host, id } = yield* livedTwice(Layer.mergeAll(
        W.toLayer(Effect.fnUntraced(function*() {
          const data = { list: [1] }
          const answer = (yield* Child.execute({ id: "c", data })) as { list: Array<number> }
          answer.list.push(9)
          const again = yield* Child.execute({ id: "c", data })
          yield* Signal.receive(Go)
          return [data, answer, again]
        })),
        Child.toLayer(({ data }) =>
          Effect.sync(() => {
            const own = data as { list: Array<number> }
            own.list.push(2)
            return own
          })
        )
      ))
      yield* assertOutput(host, W, id, [{ list: [1] }, { list: [1, 2, 9] }, { list: [1, 2] }])
    }))

  it.effect("S1, S16: what a body does to a signal, to arguments and to an edit of them is not in the journal", () =>
    Effect.gen(function*() {
      const Told = Signal.make("told", { schema: Schema.Any })
      const world = yield* CrashHost.make
      const asked = { list: [0] }
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const told: { list: Array<number> } = yield* Signal.receive(Told)
        told.list.push(9)
        const ask = (name: string) =>
          Approval.ask(name, {
            prompt: "?",
            approvers: ["ann"],
            args: { schema: Schema.Any, value: asked, editable: true }
          })
        const edited = yield* ask("edited")
        edited.args.list.push(9)
        const waiting = yield* Effect.forkChild(ask("same"))
        yield* Effect.yieldNow
        asked.list.push(8)
        const same = yield* Fiber.join(waiting)
        same.args.list.push(9)
        return [told, edited.args, same.args]
      }, Effect.orDie)))
      const id = yield* begin(host, W)
      const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      yield* runs.signal(id, "told", { list: [1] })
      yield* host.settled
      yield* runs.answer(id, { decision: "approve", by: "ann", edit: { list: [2] } })
      yield* host.settled
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* host.settled
      yield* assertOutput(host, W, id, [{ list: [1, 9] }, { list: [2, 9] }, { list: [0, 9] }])
      const journal = yield* world.journal(id)
      assert.deepStrictEqual(journal.flatMap((entry) => entry._tag === "SignalReceived" ? [entry.payload] : []), [{
        list: [1]
      }])
      assert.deepStrictEqual(
        journal.flatMap((entry) => entry._tag === "ApprovalAnswered" && "edit" in entry ? [entry.edit] : []),
        [{ list: [2] }]
      )
      assert.deepStrictEqual(journal.flatMap((entry) => entry._tag === "ApprovalRequested" ? [entry.args] : []), [{
        list: [0]
      }, { list: [0] }])
    }))
})
