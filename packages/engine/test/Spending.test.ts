import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import type { Amount } from "@fermata/core/Spent"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Layer, Logger, Option, Schedule, Schema } from "effect"
import * as ChildRuns from "../src/ChildRuns.ts"
import * as Signal from "../src/Signal.ts"
import type { StartRequest } from "../src/StartRequest.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { begin, define, exitOf, Log, pass } from "./support/Program.ts"

const W = define("W")
const Child = define("child")
const Go = Signal.make("go")
const quiet = Effect.provide(Logger.layer([]))

/** A child that is asked for by the name of its workflow, which may spend 60. */
const leftRequest: StartRequest = {
  id: "child-left",
  workflow: "child",
  version: "1",
  kind: "program",
  definition: null,
  root: "child-left",
  parent: null,
  listener: null,
  payload: { id: "left" },
  subscriptions: [],
  granted: { micros: 60 }
}

const reserve = (micros: number) => Effect.provideService(Step.Reserved, { micros })
const grant = (micros: number) => Effect.provideService(Workflows.Granted, { micros })

/** The amounts in a journal, one line an entry that has some. */
const amounts = (world: CrashHost.World, id: string) =>
  Effect.map(world.journal(id), (entries) =>
    entries.flatMap((entry) => {
      const found = ["reserved", "spent", "granted"].flatMap((name) =>
        name in entry
          ? [`${name} ${(entry as unknown as Record<string, Amount>)[name]?.micros}`]
          : []
      )
      return found.length === 0 ? [] : [`${entry._tag} ${found.join()}`]
    }))

const view = (world: CrashHost.World, id: string) => Effect.map(world.journal(id), (entries) => RunView.of(id, entries))

/** A step whose body spends this and ends as the input says. */
const call = Step.make("call", {
  input: { micros: Schema.Int, end: Schema.Literals(["well", "badly", "never"]) },
  error: Schema.String,
  onCrash: "rerun",
  run: ({ end, micros }, { spend }) =>
    Effect.andThen(
      spend({ micros }),
      end === "well" ? Effect.void : end === "badly" ? Effect.fail("it is over") : Effect.never
    )
})

describe("what an attempt spends", () => {
  it.effect("stands in the entry that ends it, added up, also where another attempt follows, and makes no entry more", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const step = Step.make("ask", {
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.recurs(1),
        run: (_, { attempt, spend }) =>
          Effect.andThen(
            Effect.andThen(spend({ micros: 5 }), spend({ micros: attempt, tokens: 7 })),
            Effect.fail(`attempt ${attempt}`)
          )
      })
      const host = yield* world.start(W.toLayer(() => Effect.ignore(Effect.andThen(reserve(20)(step()), step()))))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* world.story(id), [
        "RunRequested",
        "StepRequested ask",
        "StepFailed ask",
        "StepRequested ask",
        "StepFailed ask",
        "RunCompleted"
      ])
      assert.deepStrictEqual(yield* amounts(world, id), [
        "StepRequested reserved 20",
        "StepFailed spent 6",
        "StepRequested reserved 20",
        "StepFailed spent 7"
      ])
      const { spent, steps } = yield* view(world, id)
      assert.deepStrictEqual(steps[0]?.spent, { micros: 13, tokens: 14 })
      assert.deepStrictEqual(spent.total, { micros: 13, tokens: 14 })
    }))

  it.effect("stands with a step that runs inside its commit, and a step that spends nothing has no amount", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const seat = Step.make("seat", { onCrash: "commit-together", run: (_, { spend }) => spend({ micros: 3 }) })
      const free = Step.make("free", { onCrash: "rerun", run: (_, { spend }) => spend({ micros: 0 }) })
      const host = yield* world.start(W.toLayer(() => Effect.andThen(seat(), free())))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* amounts(world, id), ["StepCompleted spent 3"])
    }))

  it.effect("what is no amount, what a probe spends, and what comes behind the end are defects of who says it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const said = (effect: Effect.Effect<void>) =>
        Effect.flatMap(Effect.exit(effect), (exit) => log.add(Exit.isFailure(exit) ? `${exit.cause}` : "taken"))
      let late: Step.StepContext | undefined
      const step = Step.make("ask", {
        onCrash: "probe",
        probe: (_, { spend }) => Effect.as(said(spend({ micros: 1 })), Option.none()),
        run: (_, context) => {
          late = context
          return Effect.andThen(
            said(context.spend({ tokens: 0.5 })),
            context.recovery === 0 ? Effect.never : Effect.void
          )
        }
      })
      const bad = Step.make("bad", { onCrash: "rerun", run: () => log.add("bad runs") })
      const layer = W.toLayer(() =>
        Effect.andThen(step(), Effect.ignoreCause(said(reserve(-1)(Effect.orDie(bad()) as Effect.Effect<void>))))
      )
      const first = yield* world.start(layer)
      yield* begin(first, W)
      yield* (yield* world.restart(first, layer)).settled
      yield* said(late!.spend({ micros: 1 }))
      assert.include(log.entries[0], `An attempt of step "ask" cannot spend: tokens is 0.5`)
      assert.include(log.entries.join("\n"), `The probe of step "ask" cannot spend: a probe has no outcome`)
      assert.include(log.entries.join("\n"), `What is reserved for step "bad" is no amount: micros is -1`)
      assert.include(log.entries.at(-1), `An attempt of step "ask" cannot spend: it has ended`)
      assert.notInclude(log.entries, "bad runs")
      assert.notInclude(log.entries, "taken")
    }).pipe(quiet))

  it.effect("an attempt that a crash cut short counts as what it had reserved, and steps of its body do not reserve it again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const inner = Step.make("inner", { onCrash: "rerun", run: (_, { spend }) => spend({ micros: 2 }) })
      const outer = Step.make("outer", {
        onCrash: "rerun",
        run: (_, { recovery, spend }) => Effect.andThen(spend({ micros: 4 }), recovery === 0 ? Effect.never : inner())
      })
      const layer = W.toLayer(() => reserve(10)(outer()))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.deepInclude((yield* view(world, id)).spent, { reserved: { micros: 10 }, total: {} })
      yield* (yield* world.restart(first, layer)).settled
      assert.deepStrictEqual(yield* amounts(world, id), [
        "StepRequested reserved 10",
        "StepRequested reserved 10",
        "StepCompleted spent 2",
        "StepCompleted spent 4"
      ])
      assert.deepInclude((yield* view(world, id)).spent, {
        own: { micros: 6 },
        unsettled: { micros: 10 },
        total: { micros: 16 },
        reserved: {}
      })
    }))

  it.effect("a price that has changed makes no run diverge", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = (price: number) =>
        Layer.merge(
          Child.toLayer(() => Effect.orDie(call({ micros: 1, end: "well" }))),
          W.toLayer(Effect.fnUntraced(function*() {
            yield* Effect.orDie(reserve(price)(call({ micros: 1, end: "well" })))
            yield* grant(price)(Child.execute({ id: "c" }))
            yield* Signal.receive(Go)
          }))
        )
      const first = yield* world.start(layer(5))
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer(7))
      yield* second.settled
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.deepStrictEqual(yield* amounts(world, id), [
        "StepRequested reserved 5",
        "StepCompleted spent 1",
        "ChildStarted granted 5",
        "ChildFinished spent 1"
      ])
    }))
})

describe("what children spend", () => {
  it.effect("a child tells all that it and its children have cost, also when it fails, and one that is left counts as its grant", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Grandchild = define("grandchild", { error: Schema.String })
      const host = yield* world.start(Layer.mergeAll(
        Grandchild.toLayer(() => call({ micros: 3, end: "badly" })),
        Child.toLayer(Effect.fnUntraced(function*({ id }) {
          yield* Effect.ignore(Grandchild.execute({ id }))
          yield* Effect.orDie(Effect.timeoutOption(reserve(10)(call({ micros: 4, end: "never" })), "1 second"))
          return yield* id.startsWith("left") ? Effect.never : Effect.die("no")
        })),
        W.toLayer(Effect.fnUntraced(function*() {
          yield* Effect.exit(grant(50)(Child.execute({ id: "c" })))
          yield* Effect.timeoutOption(ChildRuns.run(leftRequest), "1 minute")
          // Still waited for, though not by this place: it will tell its end, as long as the run is there.
          yield* Effect.timeoutOption(grant(70)(Child.execute({ id: "left to the end" })), "1 minute")
          return yield* Workflows.spent
        }))
      ))
      const id = yield* begin(host, W)
      for (let minutes = 0; minutes < 3; minutes++) yield* pass(host, "1 minute")
      const exit = yield* exitOf(host, W, id)
      assert.deepStrictEqual(
        exit,
        Exit.succeed({
          own: {},
          children: { micros: 13 },
          unsettled: { micros: 60 },
          total: { micros: 73 }
        })
      )
      assert.deepStrictEqual((yield* view(world, id)).spent.total, { micros: 143 })
      const left = yield* world.run("child-left")
      assert.strictEqual(left.status, "cancelled")
      assert.deepStrictEqual((yield* view(world, left.id)).budget, { granted: { micros: 60 }, raised: {} })
    }).pipe(quiet))
})

describe("Workflows.spent", () => {
  it.effect("says the same at each place of the code in every life, whatever crashes, retries and lost races were written behind it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = yield* Deferred.make<void>()
      const slow = Step.make("slow", {
        onCrash: "rerun",
        error: Schema.String,
        retry: Schedule.recurs(1),
        run: (_, { attempt, recovery, spend }) =>
          Effect.andThen(
            spend({ micros: 100 }),
            recovery === 0 ? Effect.never : attempt === 1 ? Effect.fail("again") : Deferred.await(gate)
          )
      })
      const look = (place: string) =>
        Effect.flatMap(
          Workflows.spent,
          ({ own, total, unsettled }) =>
            log.add(`${place}: ${own.micros ?? 0} + ${unsettled.micros ?? 0} = ${total.micros ?? 0}`)
        )
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* look("start")
        yield* Effect.forkChild(Effect.ignore(reserve(1_000)(slow())))
        yield* Effect.yieldNow
        yield* look("forked")
        yield* Effect.orDie(reserve(9)(call({ micros: 1, end: "well" })))
        yield* look("called")
        yield* Effect.orDie(Effect.timeoutOption(reserve(30)(call({ micros: 1, end: "never" })), "1 second"))
        yield* look("timed out")
        yield* Signal.receive(Go)
        yield* look("went on")
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      const before = [
        "start: 0 + 0 = 0",
        "forked: 0 + 0 = 0",
        "called: 1 + 0 = 1",
        "timed out: 1 + 30 = 31"
      ]
      assert.deepStrictEqual(log.entries.splice(0), before)
      // The slow step is cut short, fails, and is asked for again: the code is told none of it yet.
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.deepStrictEqual(log.entries.splice(0), before)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* host.settled
      const after = [...before, "went on: 101 + 1030 = 1131"]
      assert.deepStrictEqual(log.entries.splice(0), after.slice(4))
      assert.strictEqual((yield* world.run(id)).status, "completed")
      // The attempt that the end of the run has cut.
      assert.deepStrictEqual((yield* view(world, id)).spent.total, { micros: 2_131 })
    }).pipe(quiet))

  it.effect("is asked in the body of a workflow only", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const step = Step.make("ask", {
        success: Schema.Boolean,
        onCrash: "rerun",
        run: () => Effect.map(Effect.exit(Workflows.spent), Exit.isFailure)
      })
      const host = yield* world.start(W.toLayer(() => step()))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.succeed(true))
    }))
})
