import { assert, describe, it } from "@effect/vitest"
import type { ForkOptions } from "@fermata/core/RunStart"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Random, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"
import { readFileSync } from "node:fs"
import * as Approval from "../src/Approval.ts"
import { Events } from "../src/Events.ts"
import * as Runs from "../src/Runs.ts"
import * as RunState from "../src/RunState.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { begin, define, echo, Log, pass, stuck } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })
const go = (payload: string) => ({ name: "go", payload })
const W = define("W")

const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

/** A world with one host that serves this body, and a run of it. */
const life = Effect.fnUntraced(function*<E>(workflows: Layer.Layer<never, E, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(workflows)
  const id = yield* begin(host, W)
  const runs = yield* verbs(host)
  const fork = (at: string, options: Partial<ForkOptions> = {}, run = id) =>
    Effect.tap(runs.fork(run, { at, by: "ada", ...options }), () => host.settled)
  const end = (run: string) => Effect.map(world.journal(run), (journal) => journal.at(-1)!)
  const output = (run: string) => Effect.map(end(run), (entry) => entry._tag === "RunCompleted" ? entry.output : entry)
  return { world, host, id, runs, fork, output }
})

describe("Runs.fork", () => {
  it.effect("N-55: what the code does to a shared outcome while the fork is tried is not in the fork's journal", () =>
    Effect.gen(function*() {
      const list = Step.make("list", { success: Schema.Any, onCrash: "rerun", run: () => Effect.succeed([1]) })
      const { fork, output, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const all: Array<number> = yield* list()
          all.push(2)
          yield* Step.make("next", { onCrash: "rerun", run: () => Effect.void })()
          return all
        })
      ))
      const { runId } = yield* fork("next")
      assert.deepStrictEqual(yield* output(runId), [1, 2])
      assert.deepStrictEqual((yield* world.journal(runId)).find((entry) => entry._tag === "StepCompleted")?.output, [1])
    }))

  it.effect("N-55: a step with an outcome before the point is not executed; the original stays as it is; the step at the point and all behind it are", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, id, output, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const a = yield* echo(log, "a")("1")
          const b = yield* echo(log, "b")(`${a}2`)
          return yield* echo(log, "c")(`${b}3`)
        })
      ))
      const before = yield* world.rows(id)
      assert.strictEqual(yield* output(id), "123")
      const { from, runId, shared, step } = yield* fork("b")
      assert.deepStrictEqual({ from, step, shared }, { from: id, step: "b", shared: 4 })
      assert.notStrictEqual(runId, id)
      assert.strictEqual(yield* output(runId), "123")
      assert.deepStrictEqual(log.entries, ["a 1", "b 12", "c 123", "b 12", "c 123"])
      const journal = yield* world.journal(runId)
      assert.deepInclude(journal[4], { _tag: "RunForked", from: id, fromSeq: 4, step: "b", seed: runId })
      assert.deepInclude(journal[0], { _tag: "RunRequested", by: "ada", payload: { id: "1" }, seed: id })
      assert.deepStrictEqual(yield* world.rows(id), before, "the original is as it was")
      assert.deepInclude(yield* world.run(runId), { status: "completed", root: runId, parent: null })
    }))

  it.effect("N-55: an outcome that is replaced is what the code gets, and the journal says who did it", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, output, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const a = yield* Effect.orElseSucceed(
            Step.make("a", {
              success: Schema.String,
              error: Schema.String,
              onCrash: "rerun",
              run: () => Effect.fail("no")
            })(),
            () => "failed"
          )
          return yield* echo(log, "b")(a)
        })
      ))
      const forked = yield* fork("b", { set: { a: "yes" } })
      assert.strictEqual(yield* output(forked.runId), "yes")
      const journal = yield* world.journal(forked.runId)
      assert.deepInclude(journal[3], { _tag: "StepCompleted", key: "a", output: "yes", settledBy: "ada" })
      assert.deepInclude(journal[4], { _tag: "RunForked", set: ["a"] })
      const unfit = yield* Effect.flip(fork("b", { set: { a: 1 } }))
      assert.include(unfit.message, "does not fit its schema")
      const late = yield* Effect.flip(fork("b", { set: { b: "x" } }))
      assert.include(late.message, "step \"b\" has no outcome before it that could be replaced; these have: a")
    }))

  it.effect("N-55: another input is taken where the shared part replays with it, and refused before anything is stored where not", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, id, output, world } = yield* life(
        W.toLayer(({ id }) => Effect.andThen(echo(log, "a")(id), echo(log, "b")(`${id}!`)))
      )
      assert.strictEqual(yield* output((yield* fork("a", { input: { id: "2" } })).runId), "2!")
      const count = world.store.runs.size
      const diverges = yield* Effect.flip(fork("b", { input: { id: "2" } }))
      assert.strictEqual(diverges._tag, "ForkRefused")
      assert.include(diverges.message, `Run ${id} cannot be forked at step "b": what it shares does not replay: at "a"`)
      assert.strictEqual((yield* Effect.flip(fork("a", { input: { id: 2 } })))._tag, "PayloadRefused")
      const never = yield* Effect.flip(fork("z"))
      assert.strictEqual(never.message, `Run ${id} has never asked for a step "z"; its steps are a, b`)
      assert.strictEqual((yield* Effect.flip(fork("a", {}, "nowhere")))._tag, "RunNotFound")
      assert.strictEqual(world.store.runs.size, count, "nothing was stored")
    }))

  for (const onCrash of ["rerun", "rerun-keyed", "ask"] as const) {
    it.effect(`N-55: a step in flight at the point begins anew under the key of the fork, with ${onCrash} too, and after a crash does what its rule says`, () =>
      Effect.gen(function*() {
        const log = new Log()
        const layer = W.toLayer(() =>
          Effect.all([stuck(log, "hold", onCrash)(), Effect.andThen(echo(log, "a")("1"), echo(log, "b")("2"))], {
            concurrency: 2
          })
        )
        const { fork, host, id, world } = yield* life(layer)
        const { runId } = yield* fork("b")
        assert.deepStrictEqual(log.entries.filter((entry) => entry.startsWith("hold")), [
          `hold begins 1 ${encodeURIComponent(`${id}/hold`)}`,
          `hold begins 1 ${encodeURIComponent(`${runId}/hold`)}`
        ])
        assert.strictEqual(log.count("a 1"), 1)
        const again = yield* world.restart(host, layer)
        yield* again.settled
        assert.strictEqual((yield* world.run(runId)).reason, onCrash === "ask" ? "outcome-unknown" : null)
        assert.lengthOf(
          log.entries.filter((entry) => entry.includes(encodeURIComponent(`${runId}/hold`))),
          onCrash === "ask" ? 1 : 2
        )
      }))
  }

  it.effect("N-55: a wait for a time has as long to go as it had at the point", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, host, id, output, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const [, b] = yield* Effect.all([
            Effect.sleep("10 days"),
            Effect.gen(function*() {
              yield* Signal.receive(Go)
              // A timeout that begins at the point counts from the fork.
              return yield* Effect.orDie(Effect.timeout(echo(log, "b")("2"), "1 hour"))
            })
          ], { concurrency: 2 })
          return b
        })
      ))
      yield* pass(host, "4 days")
      yield* world.tell(id, "signal", go("now"))
      yield* pass(host, "30 days")
      assert.strictEqual(yield* output(id), "2")
      const { runId } = yield* fork("b")
      assert.strictEqual(log.count("b 2"), 2)
      assert.strictEqual((yield* world.run(runId)).reason, "timer")
      yield* pass(host, "143 hours")
      assert.strictEqual((yield* world.run(runId)).status, "suspended")
      yield* pass(host, "1 hour")
      assert.strictEqual(yield* output(runId), "2")
    }))

  it.effect("N-55: a step that waited for its next attempt waits on, and its attempts count", () =>
    Effect.gen(function*() {
      const log = new Log()
      const flaky = Step.make("flaky", {
        success: Schema.Int,
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.addDelay(Schedule.recurs(3), () => Effect.succeed("1 hour")),
        run: (_, { attempt }) =>
          Effect.andThen(log.add(`flaky ${attempt}`), attempt < 3 ? Effect.fail("no") : Effect.succeed(attempt))
      })
      const { fork, host, id, output, world } = yield* life(
        W.toLayer(() =>
          Effect.all([Effect.orDie(flaky()), Effect.andThen(Signal.receive(Go), echo(log, "b")("2"))], {
            concurrency: 2
          })
        )
      )
      yield* pass(host, "1 hour")
      yield* pass(host, "30 minutes")
      yield* world.tell(id, "signal", go("now"))
      yield* pass(host, "10 days")
      assert.deepStrictEqual(yield* output(id), [3, "2"])
      const { runId } = yield* fork("b")
      yield* pass(host, "29 minutes")
      assert.deepStrictEqual(log.entries, ["flaky 1", "flaky 2", "b 2", "flaky 3", "b 2"])
      yield* pass(host, "1 minute")
      assert.deepStrictEqual(yield* output(runId), [3, "2"])
    }))

  it.effect("N-55: a signal that was received and not consumed is there, and one that came later is not", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, id, output, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          yield* Signal.receive(Go)
          yield* Signal.receive(Signal.make("other"))
          yield* echo(log, "a")("1")
          return `${yield* Signal.receive(Go)} ${yield* Signal.receive(Go)}`
        })
      ))
      for (const name of ["one", "two"]) yield* world.tell(id, "signal", go(name))
      yield* world.tell(id, "signal", { name: "other", payload: null })
      yield* world.tell(id, "signal", go("three"))
      assert.strictEqual(yield* output(id), "two three")
      const { runId } = yield* fork("a")
      assert.deepStrictEqual(yield* world.waits(runId), [{ reason: "signal", key: "go" }])
      yield* world.tell(runId, "signal", go("four"))
      assert.strictEqual(yield* output(runId), "two four")
    }))

  it.effect("N-55: an open question is asked again under the fork, with the answers so far", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, host, id, output, runs, world } = yield* life(W.toLayer(() =>
        Effect.all([
          Effect.map(
            Effect.orDie(
              Approval.ask("pay", { prompt: "Pay?", approvers: ["finance"], quorum: 2, deadline: "2 hours" })
            ),
            ({ by }) => by
          ),
          Effect.andThen(Signal.receive(Go), echo(log, "b")("2"))
        ], { concurrency: 2 })
      ))
      yield* runs.answer(id, { decision: "approve", by: "ann", roles: ["finance"] })
      yield* pass(host, "1 hour")
      yield* world.tell(id, "signal", go("now"))
      yield* runs.answer(id, { decision: "approve", by: "bob", roles: ["finance"] })
      yield* host.settled
      assert.deepStrictEqual(yield* output(id), [["ann", "bob"], "2"])
      yield* pass(host, "5 days")
      const { runId } = yield* fork("b")
      const [asked] = yield* runs.approvals({ run: runId })
      const now = yield* TestClock.testClockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))
      assert.include(asked, { id: `${runId}/pay`, prompt: "Pay?", requestedAt: now, deadline: now + 3_600_000 })
      yield* runs.answer(runId, { decision: "approve", by: "eve", roles: ["finance"] })
      yield* host.settled
      assert.deepStrictEqual(yield* output(runId), [["ann", "eve"], "2"])
      assert.isEmpty(yield* world.approvals(runId))
    }))

  const Child = Workflow.make("Child", {
    payload: { name: Schema.String },
    success: Schema.String,
    idempotencyKey: ({ name }) => name
  })

  it.effect("N-55: a finished child is shared by its outcome, and a child on its way is joined", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, id, output, world } = yield* life(Layer.merge(
        Child.toLayer(({ name }) =>
          Effect.andThen(echo(log, "child")(name), name === "slow" ? Signal.receive(Go) : Effect.succeed(name))
        ),
        W.toLayer(() =>
          Effect.gen(function*() {
            const quick = yield* Child.execute({ name: "quick" })
            const [slow, b] = yield* Effect.all([Child.execute({ name: "slow" }), echo(log, "b")("2")], {
              concurrency: 2
            })
            return [quick, slow, b]
          })
        )
      ))
      const child = (yield* world.waits(id))[0]!.key
      const { runId } = yield* fork("b")
      assert.deepStrictEqual(yield* world.waits(runId), yield* world.waits(id))
      yield* world.tell(child, "signal", go("at last"))
      assert.deepStrictEqual([yield* output(id), yield* output(runId)], [["quick", "at last", "2"], [
        "quick",
        "at last",
        "2"
      ]])
      assert.deepStrictEqual(log.entries.filter((entry) => entry.startsWith("child")), ["child quick", "child slow"])
      const late = yield* fork("b")
      assert.deepStrictEqual(yield* output(late.runId), ["quick", "at last", "2"])
    }))

  it.effect("N-55: a fork that is cancelled leaves a child that it shares to the original, and stops one of its own", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, host, id, output, runs, world } = yield* life(Layer.merge(
        Child.toLayer(({ name }) => Effect.as(Signal.receive(Go), name)),
        W.toLayer(() =>
          Effect.gen(function*() {
            const own = Effect.gen(function*() {
              yield* echo(log, "a")("1")
              const { executionId } = yield* WorkflowEngine.WorkflowInstance
              return yield* Child.execute({ name: `${yield* echo(log, "b")("2")} of ${executionId}` })
            })
            return yield* Effect.all([Child.execute({ name: "shared" }), own], { concurrency: 2 })
          })
        )
      ))
      const { runId } = yield* fork("b")
      const keys = (waits: ReadonlyArray<{ readonly key: string }>) => waits.map(({ key }) => key)
      const [shared, ofOriginal] = keys(yield* world.waits(id))
      const [alsoShared, ofFork] = keys(yield* world.waits(runId))
      assert.strictEqual(alsoShared, shared)
      yield* runs.cancel(runId, { by: "ada", reason: "no use" })
      yield* host.settled
      const status = (run: string) => Effect.map(world.run(run), ({ status }) => status)
      assert.deepStrictEqual(yield* Effect.forEach([runId, ofFork!, shared!, ofOriginal!], status), [
        "cancelled",
        "cancelled",
        "suspended",
        "suspended"
      ])
      for (const child of [shared!, ofOriginal!]) yield* world.tell(child, "signal", go("on"))
      assert.deepStrictEqual(yield* output(id), ["shared", `2 of ${id}`])
    }))

  it.effect("N-55, S8: a child that an original and its fork share goes on for the fork when the original is cancelled, and is stopped with both", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, host, id, output, runs, world } = yield* life(Layer.merge(
        Child.toLayer(({ name }) => Effect.as(Signal.receive(Go), name)),
        W.toLayer(() =>
          Effect.all([Child.execute({ name: "shared" }), Child.execute({ name: "other" }), echo(log, "b")("2")], {
            concurrency: 3
          })
        )
      ))
      const [shared, other] = (yield* world.waits(id)).map(({ key }) => key)
      const { runId } = yield* fork("b")
      const second = yield* fork("b")
      yield* runs.cancel(id, { by: "ada", reason: "no use" })
      yield* host.settled
      for (const child of [shared!, other!]) assert.strictEqual((yield* world.run(child)).status, "suspended")
      yield* runs.cancel(second.runId, { by: "ada", reason: "no use either" })
      yield* host.settled
      for (const child of [shared!, other!]) yield* world.tell(child, "signal", go("on"))
      assert.deepStrictEqual(yield* output(runId), ["shared", "other", "2"])
    }))

  it.effect("N-55, S8: a child that an original and its fork share is stopped with the last of them", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { fork, host, id, runs, world } = yield* life(Layer.merge(
        Child.toLayer(({ name }) => Effect.as(Signal.receive(Go), name)),
        W.toLayer(() => Effect.all([Child.execute({ name: "shared" }), echo(log, "b")("2")], { concurrency: 2 }))
      ))
      const [shared] = (yield* world.waits(id)).map(({ key }) => key)
      const { runId } = yield* fork("b")
      for (const run of [id, runId]) {
        assert.strictEqual((yield* world.run(shared!)).status, "suspended")
        yield* runs.cancel(run, { by: "ada", reason: "no use" })
        yield* host.settled
      }
      assert.strictEqual((yield* world.run(shared!)).status, "cancelled")
    }))

  it.effect("N-55: documents are as they were; events and signals are not sent again; random numbers are shared up to the point", () =>
    Effect.gen(function*() {
      const log = new Log()
      const Count = RunState.make("count", { schema: Schema.Int, initial: 0 })
      const Other = define("Other")
      const { fork, host, id, output, world } = yield* life(
        Layer.merge(
          Other.toLayer(() => Effect.never),
          W.toLayer(() =>
            Effect.gen(function*() {
              yield* RunState.update(Count, (count) => count + 1)
              const before = yield* Random.nextInt
              yield* Effect.orDie((yield* Events).emit("order.placed", { before }))
              yield* Other.execute({ id: "o" }, { discard: true }).pipe(
                Effect.flatMap((runId) => Effect.orDie(Signal.send(Go, { runId, payload: "hello" })))
              )
              yield* echo(log, "a")(`${before}`)
              const { revision } = yield* RunState.update(Count, (count) => count + 1)
              return [revision, before, yield* Random.nextInt]
            })
          )
        ).pipe(Layer.provide(Events.layer))
      )
      const first = yield* output(id) as Effect.Effect<ReadonlyArray<number>>
      const other = (yield* world.journal(id)).find((entry) => entry._tag === "ChildStarted")!.child
      const told = yield* world.rows(other)
      const { runId } = yield* fork("a")
      const second = yield* output(runId) as Effect.Effect<ReadonlyArray<number>>
      assert.deepStrictEqual(second.slice(0, 2), first.slice(0, 2))
      assert.notStrictEqual(second[2], first[2])
      assert.deepStrictEqual(yield* world.rows(other), told)
      assert.deepStrictEqual(
        (yield* world.journal(runId)).flatMap((entry) => entry._tag === "EventEmitted" ? [entry.id] : []),
        [`${runId}:emit:1`]
      )
      // What was random stays so at every replay, and in a fork of the fork.
      const of = yield* fork("a", {}, runId)
      const third = yield* output(of.runId) as Effect.Effect<ReadonlyArray<number>>
      assert.deepStrictEqual(third.slice(0, 2), first.slice(0, 2))
      yield* host.settled
    }))

  it.effect("N-55: decisions before the point are as they were, and behind it they are made anew", () =>
    Effect.gen(function*() {
      const log = new Log()
      let count = 0
      const decide = Workflows.decide("n", Schema.Int, () => ++count)
      const { fork, id, output } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const before = yield* decide
          yield* echo(log, "first")("x")
          yield* echo(log, "second")("x")
          return [before, yield* decide]
        })
      ))
      assert.deepStrictEqual(yield* output(id), [1, 2])
      const { runId } = yield* fork("second")
      assert.deepStrictEqual(yield* output(runId), [1, 3])
    }))

  it.effect("N-55: a run that names itself to its steps is forked nevertheless", () =>
    Effect.gen(function*() {
      const log = new Log()
      const Answer = DurableDeferred.make("answer", { success: Schema.String })
      const { fork, host, id, output } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const token = yield* DurableDeferred.token(Answer)
          yield* echo(log, "mail")(token)
          yield* echo(log, "after")("x")
          return yield* DurableDeferred.await(Answer)
        })
      ))
      const { runId } = yield* fork("after")
      const of = yield* fork("after", {}, runId)
      for (const executionId of [id, runId, of.runId]) {
        const token = DurableDeferred.tokenFromExecutionId(Answer, { workflow: W, executionId })
        yield* host.use(DurableDeferred.succeed(Answer, { token, value: executionId }))
        yield* host.settled
        assert.strictEqual(yield* output(executionId), executionId)
      }
      assert.lengthOf(log.entries.filter((entry) => entry.startsWith("mail")), 1)
    }))

  it.effect("N-55: a nested step with an outcome is shared, and the step around it begins anew", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        run: () =>
          Effect.gen(function*() {
            yield* log.add("outer")
            return `${yield* echo(log, "in")("1")}${yield* echo(log, "in")("2")}`
          })
      })
      const { fork, output } = yield* life(W.toLayer(() => outer()))
      const { runId } = yield* fork("outer/in~2")
      assert.strictEqual(yield* output(runId), "12")
      assert.deepStrictEqual(log.entries, ["outer", "in 1", "in 2", "outer", "in 2"])
    }))

  it.effect("N-55: pauses of the original do not count, and limits are counted anew", () =>
    Effect.gen(function*() {
      const log = new Log()
      const limited = W.annotate(Workflows.Limits, { maxRunMs: 3 * 86_400_000 })
      const { fork, host, id, output, world } = yield* life(limited.toLayer(() =>
        Effect.gen(function*() {
          yield* Effect.sleep("2 days")
          const [, b] = yield* Effect.all([
            Signal.receive(Go),
            Effect.andThen(Effect.sleep("1 second"), echo(log, "b")("2"))
          ], { concurrency: 2 })
          yield* Effect.sleep("2 days")
          return b
        })
      ))
      yield* pass(host, "2 days")
      yield* world.tell(id, "pause", { by: "ann" })
      yield* pass(host, "1 second")
      assert.strictEqual((yield* world.run(id)).reason, "operator")
      const { runId } = yield* fork("b")
      assert.strictEqual(log.count("b 2"), 1)
      yield* world.tell(runId, "signal", go("x"))
      yield* pass(host, "2 days")
      assert.strictEqual(yield* output(runId), "2")
      assert.strictEqual((yield* world.run(id)).status, "failed", "the original has gone past its limit")
    }))

  it("N-55: every rule of the design is in the title of a test", () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")
    const [, table] = read("../DESIGN.md").split("## Forks")
    const rules = Array.from(table!.split("\n## ")[0]!.matchAll(/^\| ([^|]+) \|/gm), ([, rule]) => rule!).filter((
      rule
    ) => rule !== "of the original" && !rule.startsWith("-"))
    const titles = ["./Fork.test.ts", "./ForkLife.test.ts"].flatMap((path) =>
      Array.from(read(path).matchAll(/it\.effect\([`"](.*?)[`"], /g), ([, title]) => title!)
    )
    assert.isAbove(rules.length, 15)
    assert.deepStrictEqual(rules.filter((rule) => !titles.some((title) => title.includes(rule))), [])
  })
})
