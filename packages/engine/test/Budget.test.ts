import { assert, describe, it } from "@effect/vitest"
import * as RunsErrors from "@fermata/core/RunsErrors"
import * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Fiber, Layer, Logger, Schema } from "effect"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, Log, pass } from "./support/Program.ts"

const W = define("W")
const Child = define("child")
const Budget = Signal.make("engine.budget")
const quiet = Effect.provide(Logger.layer([]))
const by = "ada"

const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

/** A call that costs this much. */
const call = (log: Log) =>
  Step.make("call", {
    input: { micros: Schema.Int },
    onCrash: "rerun",
    run: ({ micros }, { spend }) => Effect.andThen(spend({ micros }), log.add(`paid ${micros}`))
  })

/** Makes calls of 1500 each, as long as its own limit of 4000 and what was raised allow the next. */
const frugal = (log: Log, calls: number, price = 1_500) =>
  W.toLayer(Effect.fnUntraced(function*() {
    const limitOf = ({ raised }: Workflows.Budget) => Spent.sum({ micros: 4_000 }, raised)
    let limit = limitOf(yield* Workflows.budget)
    for (let number = 0; number < calls; number++) {
      const { total } = yield* Workflows.spent
      const short = () => Spent.exceeds(Spent.sum(total, { micros: price }), limit)
      while (yield* Workflows.decide("short", Schema.Boolean, short)) {
        limit = limitOf(yield* Workflows.awaitBudget(limit))
      }
      yield* call(log)({ micros: 1_500 })
    }
    return limit.micros
  }))

describe("a run that waits for a larger budget", () => {
  it.effect("is suspended as `budget`, says what it has spent of what, and goes on once raises are enough, whoever has it then", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const first = yield* world.start(frugal(log, 4))
      const id = yield* begin(first, W)
      assert.deepStrictEqual(yield* world.waits(id), [
        { reason: "budget", key: "money", detail: "spent $0.003 of $0.004" }
      ])
      yield* first.close
      // Recorded although nobody works on it.
      const desk = yield* world.start(Layer.empty, { worker: false })
      const runs = yield* verbs(desk)
      assert.deepInclude(yield* runs.find(id), { status: "suspended", reason: "budget" })
      assert.deepStrictEqual(yield* runs.raise(id, { micros: 400, by, note: "a little" }), {
        runId: id,
        result: "accepted"
      })
      const second = yield* world.start(frugal(log, 4))
      yield* second.settled
      assert.deepStrictEqual(yield* world.waits(id), [
        { reason: "budget", key: "money", detail: "spent $0.003 of $0.0044" }
      ])
      yield* (yield* verbs(second)).raise(id, { micros: 2_000, by })
      yield* second.settled
      yield* assertOutput(second, W, id, 6_400)
      assert.deepStrictEqual(log.entries, ["paid 1500", "paid 1500", "paid 1500", "paid 1500"])
      const view = RunView.of(id, yield* world.journal(id))
      assert.deepStrictEqual(view.budget, { raised: { micros: 2_400 } })
      assert.deepStrictEqual(view.spent.total, { micros: 6_000 })
      const raise = (yield* world.journal(id)).find((entry) => entry._tag === "SignalReceived")
      assert.deepInclude(raise, { name: "engine.budget", by, payload: { micros: 400, note: "a little" } })
    }))

  it.effect("waits on under a price that has changed, for what was decided is recorded", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let host = yield* world.start(frugal(log, 4))
      const id = yield* begin(host, W)
      for (const price of [1, 1_000_000]) {
        host = yield* world.restart(host, frugal(log, 4, price))
        yield* host.settled
        assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "budget" })
      }
    }))

  it.effect("all who wait go on with one raise, and one that came before is not waited for", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const both = yield* Effect.forkChild(
          Effect.all([Workflows.awaitBudget({ tokens: 5 }), Workflows.awaitBudget({ tokens: 6 })], { concurrency: 2 })
        )
        const raised = yield* Fiber.join(both)
        yield* Effect.sleep("1 minute")
        const before = yield* Workflows.budget
        return [...raised, before, yield* Workflows.awaitBudget({ tokens: 7 })].map(({ raised }) => raised.tokens)
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const runs = yield* verbs(host)
      assert.deepStrictEqual(yield* world.waits(id), [
        { reason: "budget", key: "tokens", detail: "spent 0 of 6 tokens" }
      ])
      yield* runs.raise(id, { tokens: 1, by })
      yield* host.settled
      yield* runs.raise(id, { tokens: 2, micros: 0, by })
      yield* pass(host, "1 minute")
      assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "budget" })
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "budget" })
      yield* (yield* verbs(host)).raise(id, { tokens: 4, by })
      yield* host.settled
      yield* assertOutput(host, W, id, [1, 1, 3, 7])
    }))

  it.effect("is asked no more where its wait was given up, and a child has what it was granted", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(
        Child.toLayer(Effect.fnUntraced(function*() {
          const { granted } = yield* Workflows.budget
          const { raised } = yield* Workflows.awaitBudget(granted!)
          return [granted, raised]
        })),
        W.toLayer(Effect.fnUntraced(function*() {
          yield* Effect.timeoutOption(Workflows.awaitBudget({ micros: 5 }), "1 minute")
          return yield* Effect.provideService(Child.execute({ id: "c" }), Workflows.Granted, { micros: 9 })
        }))
      ))
      const id = yield* begin(host, W)
      const runs = yield* verbs(host)
      yield* pass(host, "1 minute")
      assert.deepInclude(yield* world.run(id), { status: "suspended", reason: "child" })
      const child = yield* Child.executionId({ id: "c" })
      assert.deepStrictEqual(yield* world.waits(child), [
        { reason: "budget", key: "money", detail: "spent $0.00 of $0.000009" }
      ])
      // What is raised for a parent is not its child's.
      yield* runs.raise(id, { micros: 1, by })
      yield* host.settled
      assert.deepInclude(yield* world.run(child), { status: "suspended", reason: "budget" })
      yield* runs.raise(child, { micros: 3, by })
      yield* host.settled
      yield* assertOutput(host, W, id, [{ micros: 9 }, { micros: 3 }])
    }))
})

describe("Runs.raise", () => {
  it.effect("is refused where other verbs are, and for what is no amount; one that came twice counts once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Workflows.awaitBudget({ micros: 1 })))
      const id = yield* begin(host, W)
      const runs = yield* verbs(host)
      assert.instanceOf(yield* Effect.flip(runs.raise("12345", { micros: 1, by })), RunsErrors.RunNotFound)
      const table: ReadonlyArray<readonly [Spent.Amount, string]> = [
        [{ micros: -1 }, "micros is -1, and has to be a whole number from 0 on"],
        [{ micros: 5, tokens: 0.5 }, "tokens is 0.5, and has to be a whole number from 0 on"],
        [{}, "say by how much: by money, by tokens, or by both"],
        [{ micros: 0, tokens: 0 }, "say by how much: by money, by tokens, or by both"]
      ]
      for (const [amount, problem] of table) {
        const error = yield* Effect.flip(runs.raise(id, { ...amount, by }))
        assert.instanceOf(error, RunsErrors.RaiseRefused)
        assert.strictEqual(error.message, `The budget of run ${id} is not raised: ${problem}`)
      }
      assert.isEmpty(yield* world.inbox(id))
      assert.strictEqual((yield* runs.raise(id, { micros: 5, by, id: "r1" })).result, "accepted")
      assert.strictEqual((yield* runs.raise(id, { micros: 5, by, id: "r1" })).result, "duplicate")
      yield* host.settled
      yield* assertOutput(host, W, id, { raised: { micros: 5 } })
      assert.instanceOf(yield* Effect.flip(runs.raise(id, { micros: 1, by })), RunsErrors.RunClosed)
    }))

  it.effect("is the only way to send its signal, and Workflows.awaitBudget the only one to wait for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const said = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.flatMap(Effect.exit(effect), (exit) => log.add(Exit.isFailure(exit) ? String(exit.cause) : "taken"))
      const send = (runId: string) => Signal.send(Budget, { runId, payload: undefined })
      const inside = Step.make("inside", {
        input: Schema.String,
        onCrash: "rerun",
        run: (id) =>
          Effect.andThen(said(send(id)), Effect.andThen(said(Workflows.awaitBudget({})), said(Workflows.budget)))
      })
      const Held = define("held")
      const host = yield* world.start(Layer.merge(
        Held.toLayer(() => Effect.never),
        W.toLayer(Effect.fnUntraced(function*() {
          const held = yield* Held.executionId({ id: "1" })
          yield* said(send(held))
          yield* inside(held)
          yield* said(Signal.receive(Budget))
          yield* said(Signal.poll(Budget))
        }))
      ))
      const held = yield* begin(host, Held)
      yield* begin(host, W)
      const runs = yield* verbs(host)
      yield* said(host.use(send(held)))
      yield* said(runs.signal(held, "engine.budget", { micros: 5 }))
      const own = `Signal "engine.budget" is the engine's own`
      const expected = [
        `${own}: raise the budget of run ${held} instead`,
        `${own}: raise the budget of run ${held} instead`,
        "A larger budget is waited for in the body of a workflow, not in a step or outside a run",
        "The budget of a run is asked in the body of a workflow, not in a step or outside a run",
        `${own}: wait for a larger budget with Workflows.awaitBudget`,
        `${own}: wait for a larger budget with Workflows.awaitBudget`,
        `${own}: raise the budget of run ${held} instead`,
        `${own}: raise the budget of run ${held} instead`
      ]
      assert.strictEqual(log.entries.length, expected.length)
      for (const [index, text] of expected.entries()) assert.include(log.entries[index], text)
      assert.isEmpty(yield* world.inbox(held))
    }).pipe(quiet))
})
