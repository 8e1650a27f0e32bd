import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Deferred, Effect, Exit, HashMap, Option, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Activity } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log, pass, stuck } from "./support/Program.ts"

describe("Step retry", () => {
  it.effect("a policy that allows three retries allows three when they follow at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.recurs(3),
        run: (_, { attempt }) =>
          log.entries.length > 20 ? Effect.void : Effect.andThen(log.add(`${attempt}`), new Declined({ reason: "no" }))
      })
      const host = yield* world.start(W.toLayer(() => flaky()))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(log.entries, ["1", "2", "3", "4"])
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.fail(new Declined({ reason: "no" })))
    }))

  it.effect("a crash in the backoff leaves the policy where it stood", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 4 })),
        run: (_, { attempt }) => Effect.andThen(log.add(`${attempt}`), new Declined({ reason: "no" }))
      })
      const layer = W.toLayer(() => flaky())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* TestClock.adjust("1 second")
      yield* first.settled
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log.entries, ["1", "2"])
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["1", "2"])
      yield* TestClock.adjust("1 second")
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["1", "2", "3"])
      yield* TestClock.adjust("4 seconds")
      yield* second.settled
      yield* TestClock.adjust("8 seconds")
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["1", "2", "3", "4", "5"])
      assert.deepStrictEqual(yield* exitOf(second, W, id), Exit.fail(new Declined({ reason: "no" })))
    }))
})

describe("nested steps", () => {
  it.effect("a step in a step keeps its own outcome apart from one of the same name in the workflow", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = echo(log, "inner")
      const outer = Step.make("outer", { success: Schema.String, onCrash: "rerun", run: () => inner("nested") })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const a = yield* outer()
        const b = yield* inner("own")
        yield* Effect.sleep("1 day")
        return [a, b]
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      yield* host.settled
      yield* TestClock.adjust("1 day")
      yield* host.settled
      yield* assertOutput(host, W, id, ["nested", "own"])
      assert.deepStrictEqual(log.entries, ["inner nested", "inner own"])
    }))

  it.effect("S4: a step in a step that was in flight at a crash runs again with the outer one", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const inner = Step.make("inner", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => log.add("inner").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("done"))
      })
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("outer"), inner())
      })
      const W = define("W")
      const layer = W.toLayer(() => outer())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* Deferred.succeed(gate, undefined)
      yield* second.settled
      yield* assertOutput(second, W, id, "done")
      assert.deepStrictEqual(log.entries, ["outer", "inner", "outer", "inner"])
    }))
})

describe("keys", () => {
  it.effect("a keyed step that lost a race runs when it is asked for again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let slow = true
      const keyed = Step.make("keyed", {
        input: Schema.String,
        success: Schema.String,
        onCrash: "rerun",
        key: (text) => text,
        run: (text) => Effect.andThen(log.add(text), Effect.suspend(() => slow ? Effect.never : Effect.succeed(text)))
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.timeoutOption(keyed("a"), "1 second")
        return yield* keyed("a")
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      slow = false
      yield* TestClock.adjust("1 second")
      yield* host.settled
      yield* assertOutput(host, W, id, "a")
      assert.deepStrictEqual(log.entries, ["a", "a"])
    }))

  it.effect("S1: a keyed step that is asked for again has the outcome of its own body, and not of the one that was cut off and ends meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const keyed = Step.make("keyed", {
        success: Schema.String,
        onCrash: "rerun",
        key: () => "only",
        run: () =>
          Effect.suspend(() => {
            if (log.count("begins") === 1) return Effect.succeed("again")
            return Effect.andThen(
              log.add("begins"),
              Effect.onInterrupt(Effect.never, () => Effect.andThen(Deferred.await(gate), log.add("cut off")))
            )
          })
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.timeoutOption(keyed(), "1 second")
        const [answer] = yield* Effect.all([keyed(), Deferred.succeed(gate, undefined)], { concurrency: 2 })
        yield* Effect.sleep("1 hour")
        return answer
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* pass(first, "1 second")
      assert.deepStrictEqual(log.entries, ["begins", "cut off"])
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 hour")
      yield* assertOutput(second, W, id, "again")
    }))

  it.effect("a keyed step that is asked for again records its own failure, and not that of the attempt before, whose policy takes its time", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const gates = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      let bodies = 0
      let asked = 0
      const slow: Schedule.Schedule<unknown> = Schedule.modifyDelay(
        Schedule.recurs(3),
        () => Effect.as(Deferred.await(gates[asked++]!), "1 second")
      )
      const keyed = Step.make("keyed", {
        success: Schema.String,
        error: Declined,
        onCrash: "rerun",
        key: () => "only",
        retry: slow,
        run: () =>
          Effect.suspend(() =>
            ++bodies > 2 ? Effect.succeed("done") : Effect.fail(new Declined({ reason: `body ${bodies}` }))
          )
      })
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.andThen(Effect.timeoutOption(keyed(), "1 second"), keyed()))
      )
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      assert.deepStrictEqual([bodies, asked], [2, 2])
      for (const gate of gates) {
        yield* Deferred.succeed(gate, undefined)
        yield* host.settled
      }
      yield* pass(host, "1 second")
      yield* assertOutput(host, W, id, "done")
      const failures = (yield* world.journal(id)).filter((entry) => entry._tag === "StepFailed")
      assert.strictEqual(failures.length, 1)
      assert.include(JSON.stringify(failures), "body 2")
    }))

  it.effect("an explicit key asked again with other input ends the run with StepKeyConflict, after its compensations", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const keyed = Step.make("keyed", {
        input: { id: Schema.String, n: Schema.Int },
        onCrash: "rerun",
        key: ({ id }) => id,
        run: ({ id, n }) => log.add(`${id}${n}`)
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* keyed({ id: "a", n: 1 }).pipe(W.withCompensation(() => log.add("undone")))
        yield* keyed({ id: "a", n: 2 })
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const exit = yield* exitOf(host, W, id)
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.include(JSON.stringify((yield* world.rows(id)).at(-1)), "StepKeyConflict")
      assert.deepStrictEqual(log.entries, ["a1", "undone"])
    }))
})

describe("what goes in and comes out of a step", () => {
  class Money extends Schema.Class<Money>("Money")({ cents: Schema.Int, at: Schema.Date }) {}
  class Refused extends Schema.TaggedError<Refused>()("Refused", { until: Schema.Date }) {}

  it.effect("dates, classes, options and errors are what they were, live and on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const at = new Date("2026-01-02T03:04:05.678Z")
      const seen: Array<unknown> = []
      const step = Step.make("step", {
        input: { money: Money, note: Schema.Option(Schema.String) },
        success: Schema.Struct({ money: Money, rates: Schema.HashMap(Schema.String, Schema.BigInt) }),
        error: Refused,
        onCrash: "rerun",
        run: ({ money, note }) => {
          seen.push([money instanceof Money, Option.isOption(note)])
          return Option.isNone(note)
            ? Effect.fail(new Refused({ until: at }))
            : Effect.succeed({ money, rates: HashMap.make(["eur", 12n]) })
        }
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const { money, rates } = yield* step({ money: new Money({ cents: 5, at }), note: Option.some("x") })
        const error = yield* Effect.flip(step({ money, note: Option.none() }))
        seen.push([
          money instanceof Money,
          money.at.getTime() === at.getTime(),
          HashMap.get(rates, "eur"),
          error instanceof Refused,
          error
        ])
        yield* Effect.sleep("1 day")
        return "done"
      }, Effect.orDie))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      yield* TestClock.adjust("1 day")
      yield* host.settled
      yield* assertOutput(host, W, id, "done")
      const told = [true, true, Option.some(12n), true, new Refused({ until: at })]
      assert.deepStrictEqual(seen, [[true, true], [true, true], told, told])
    }))

  it.effect("an input that the schema refuses is a defect of the program that names the step, and nothing is recorded", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("charge", { input: { cents: Schema.Int }, onCrash: "rerun", run: () => log.add("charge") })
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => step({ cents: 1.5 })))
      const id = yield* begin(host, W)
      assert.include(
        JSON.stringify((yield* world.journal(id)).at(-1)),
        `The input of step \\"charge\\" in run ${id} of workflow \\"W\\" cannot be stored: its schema refuses the input: `
      )
      assert.isFalse((yield* world.story(id)).some((entry) => entry.startsWith("StepRequested")))
      assert.isEmpty(log.entries)
    }))

  it.effect("an outcome that the schema refuses is a defect of the step, recorded once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("count", {
        success: Schema.Int,
        onCrash: "rerun",
        retry: Schedule.recurs(3),
        run: () => Effect.as(log.add("count"), 1.5)
      })
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => step()))
      const id = yield* begin(host, W)
      assert.include(JSON.stringify(yield* world.rows(id)), "its schema refuses the outcome")
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.deepStrictEqual(log.entries, ["count"])
    }))

  it.effect("a defect keeps its name and message, and ends a retry", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("broken", {
        onCrash: "rerun",
        retry: Schedule.recurs(3),
        run: () => Effect.andThen(log.add("broken"), Effect.die(new TypeError("x is not a function")))
      })
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.catchDefect(step(), (defect) => Effect.succeed(String(defect))))
      )
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, "TypeError: x is not a function")
      assert.deepStrictEqual(log.entries, ["broken"])
    }))

  it.effect("a body that throws before it returns an effect fails as a defect", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const step = Step.make("throws", {
        onCrash: "rerun",
        run: (): Effect.Effect<void> => {
          throw new Error("thrown")
        }
      })
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.catchDefect(step(), (defect) => Effect.succeed(String(defect))))
      )
      yield* assertOutput(host, W, yield* begin(host, W), "Error: thrown")
    }))

  it.effect("a step records its label, its input, its crash rule and, when keyed, one idempotency key for all attempts", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const keys: Array<string> = []
      const step = Step.make("charge", {
        input: { cents: Schema.Int },
        error: Schema.String,
        onCrash: "rerun-keyed",
        label: "money",
        retry: Schedule.recurs(1),
        run: (_, { attempt, idempotencyKey, key }) => {
          keys.push(idempotencyKey)
          return attempt === 1 ? Effect.fail(key) : Effect.never
        }
      })
      const W = define("W")
      const layer = W.toLayer(() => Effect.orDie(step({ cents: 5 })))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.strictEqual(keys.length, 3)
      assert.strictEqual(new Set(keys).size, 1)
      assert.match(keys[0]!, /^[\w.~%-]+$/)
      const requests = (yield* world.journal(id)).filter((entry) => entry._tag === "StepRequested")
      assert.deepInclude(requests[0], {
        key: "charge",
        label: "money",
        input: { cents: 5 },
        onCrash: "rerun-keyed",
        idempotencyKey: keys[0]!
      })
      assert.deepStrictEqual(requests.map(({ attempt, recovery }) => [attempt, recovery]), [[1, undefined], [
        2,
        undefined
      ], [2, 1]])
    }))
})

describe("time and retries of a step", () => {
  it.effect("an attempt that takes longer than the timeout is interrupted, and the policy decides about the next", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("slow", {
        success: Schema.String,
        onCrash: "rerun",
        timeout: "10 seconds",
        retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 2 })),
        run: (_, { attempt }) =>
          attempt === 3
            ? Effect.succeed("in time")
            : Effect.onInterrupt(Effect.sleep("1 hour"), () => log.add(`cut ${attempt}`)).pipe(Effect.as("late"))
      })
      const W = define("W")
      const layer = W.toLayer(() => step())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* pass(host, "10 seconds")
      assert.include(yield* world.run(id), { status: "suspended", reason: "timer" })
      host = yield* world.restart(host, layer)
      yield* pass(host, "1 minute")
      yield* pass(host, "10 seconds")
      yield* pass(host, "1 minute")
      yield* assertOutput(host, W, id, "in time")
      assert.deepStrictEqual(log.entries, ["cut 1", "cut 2"])
    }))

  it.effect("without a policy the timeout is a defect that can be told by its name, live and on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const names: Array<unknown> = []
      const step = Step.make("slow", { onCrash: "rerun", timeout: "10 seconds", run: () => Effect.never })
      const W = define("W")
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.catchDefect(
          step(),
          (defect) => Effect.sync(() => void names.push(defect instanceof Step.StepTimedOut && defect.message))
        )
        yield* Effect.sleep("1 day")
        return "done"
      })))
      const id = yield* begin(host, W)
      yield* pass(host, "10 seconds")
      yield* host.evict
      yield* pass(host, "1 day")
      yield* assertOutput(host, W, id, "done")
      assert.deepStrictEqual(
        names,
        Array.from({ length: 2 }, () => `Step "slow" took longer than its timeout of 10000 ms`)
      )
    }))

  it.effect("a policy that looks at the error retries what it is for", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("picky", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.recurs(5).pipe(
          Schedule.setInputType<Declined | Step.StepTimedOut>(),
          Schedule.while(({ input }) => input._tag === "Declined" && input.reason === "busy")
        ),
        run: (_, { attempt }) =>
          Effect.andThen(log.add(`${attempt}`), Effect.fail(new Declined({ reason: attempt < 3 ? "busy" : "no" })))
      })
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => step()))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.fail(new Declined({ reason: "no" })))
      assert.deepStrictEqual(log.entries, ["1", "2", "3"])
    }))

  it.effect("Effect.retry around a step asks for a new one each time, while its own policy stays under one key", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("flaky", {
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.recurs(1),
        run: (_, { attempt, key }) => Effect.andThen(log.add(`${key} ${attempt}`), Effect.fail("no"))
      })
      const W = define("W", { error: Schema.String })
      const host = yield* world.start(W.toLayer(() => Effect.retry(step(), { times: 2 })))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.fail("no"))
      assert.deepStrictEqual(log.entries, ["flaky 1", "flaky 2", "flaky~2 1", "flaky~2 2", "flaky~3 1", "flaky~3 2"])
    }))
})

describe("a step within a step", () => {
  it.effect("is asked anew by the second attempt of the outer one, and an outcome of the first is not taken for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = Step.make("inner", {
        input: Schema.Int,
        success: Schema.Int,
        onCrash: "rerun",
        run: (n) => Effect.as(log.add(`inner ${n}`), n)
      })
      const outer = Step.make("outer", {
        success: Schema.Int,
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 })),
        run: (_, { attempt }) =>
          Effect.flatMap(inner(attempt), (n) => attempt === 1 ? Effect.fail("again") : Effect.succeed(n))
      })
      const W = define("W")
      const layer = W.toLayer(() => Effect.orDie(outer()))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 minute")
      yield* assertOutput(second, W, id, 2)
      assert.deepStrictEqual(log.entries, ["inner 1", "inner 2"])
    }))

  it.effect("S1: whose outcome is recorded does not run again when the outer one does after a crash", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = echo(log, "inner")
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        run: () =>
          Effect.andThen(
            log.add("outer"),
            Effect.flatMap(
              Effect.all([inner("a"), inner("b")], { concurrency: 2 }),
              () => stuck(log, "deep", "rerun")()
            )
          )
      })
      const W = define("W")
      const layer = W.toLayer(() => outer())
      const first = yield* world.start(layer)
      yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.deepStrictEqual(log.entries.map((entry) => entry.split(" ").slice(0, 2).join(" ")), [
        "outer",
        "inner a",
        "inner b",
        "deep begins",
        "outer",
        "deep begins"
      ])
    }))

  it.effect("an activity of effect/workflow in a step keeps its identity, so that a later attempt of the step finds its outcome", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const look = (attempt: number) =>
        Activity.make({ name: "look", success: Schema.Int, execute: Effect.as(log.add(`look ${attempt}`), attempt) })
      const step = Step.make("step", {
        success: Schema.Int,
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.recurs(1),
        run: Effect.fnUntraced(function*(_, { attempt }) {
          const seen = yield* look(attempt)
          return attempt === 1 ? yield* Effect.fail("again") : seen
        })
      })
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => Effect.orDie(step())))
      const id = yield* begin(host, W)
      // The identity of an activity is its name and its own attempt, wherever it is asked for.
      yield* assertOutput(host, W, id, 1)
      assert.deepStrictEqual(log.entries, ["look 1"])
    }))
})

describe("what belongs in the body of a workflow", () => {
  it.effect("is a defect in a step that says so, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Go = Signal.make("go")
      const ways = {
        signal: Signal.receive(Go),
        approval: Approval.ask("manager", { prompt: "Charge?", approvers: ["ada"] })
      }
      const W = define("W")
      const host = yield* world.start(W.toLayer(({ id }) =>
        Step.make("work", {
          onCrash: "rerun",
          run: () => Effect.asVoid(Effect.orDie(ways[id as keyof typeof ways] as typeof ways.approval))
        })()
      ))
      for (
        const [way, message] of [
          ["signal", `Signal "go" is received in the body of a workflow, not in a step or outside a run`],
          ["approval", `Approval "manager" is asked in the body of a workflow, not in a step or outside a run`]
        ] as const
      ) {
        const id = yield* begin(host, W, way)
        const exit = yield* exitOf(host, W, id)
        assert.isTrue(exit !== undefined && Exit.isFailure(exit))
        if (exit !== undefined && Exit.isFailure(exit)) {
          assert.include(Cause.pretty(exit.cause), message)
        }
        assert.isEmpty(yield* world.approvals(id))
      }
    }))
})

describe("one key asked for twice at once", () => {
  it.effect("S1: with equal input is one step whose outcome both get, live and on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const fetch = Step.make("fetch", {
        input: { url: Schema.String },
        success: Schema.String,
        onCrash: "rerun",
        key: ({ url }) => url,
        run: ({ url }) => Effect.andThen(log.add(url), Effect.as(Deferred.await(gate), url))
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const both = yield* Effect.all([fetch({ url: "a" }), fetch({ url: "a" })], { concurrency: 2 })
        yield* Effect.sleep("1 day")
        return [...both, yield* fetch({ url: "a" })]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* Deferred.succeed(gate, undefined)
      yield* first.settled
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 day")
      yield* assertOutput(second, W, id, ["a", "a", "a"])
      assert.deepStrictEqual(log.entries, ["a"])
      assert.deepStrictEqual(
        (yield* world.story(id)).filter((entry) => entry.startsWith("Step")),
        ["StepRequested fetch/a", "StepCompleted fetch/a"]
      )
    }))

  it.effect("goes on for the one who stays when the other leaves", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const fetch = Step.make("fetch", {
        success: Schema.String,
        onCrash: "rerun",
        key: () => "only",
        run: () => Effect.onInterrupt(Effect.as(Deferred.await(gate), "fetched"), () => log.add("interrupted"))
      })
      const W = define("W")
      const host = yield* world.start(W.toLayer(() =>
        Effect.all([Effect.map(Effect.timeoutOption(fetch(), "1 second"), ({ _tag }) => _tag), fetch()], {
          concurrency: 2
        })
      ))
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      yield* assertOutput(host, W, id, ["None", "fetched"])
      assert.isEmpty(log.entries)
    }))

  it.effect("gives undefined back where its schema takes it, before and after a replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const nothing = Step.make("nothing", {
        success: Schema.Unknown,
        onCrash: "rerun",
        run: () => Effect.succeed(undefined)
      })
      const seen: Array<unknown> = []
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        seen.push(yield* nothing())
        yield* Effect.sleep("1 hour")
        return undefined
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 hour")
      yield* assertOutput(second, W, id, undefined)
      assert.deepStrictEqual(seen, [undefined, undefined])
    }))
})
