import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schedule, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, Declined, define, echo, Log, pass } from "./support/Program.ts"

const W = define("W")
const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

/** A step that fails as long as the world is broken, and says how often it was tried and under which key. */
const fragile = (
  log: Log,
  world: { broken: boolean },
  name = "pay",
  onCrash: "rerun" | "rerun-keyed" = "rerun-keyed"
) =>
  Step.make(name, {
    success: Schema.String,
    error: Declined,
    onCrash,
    run: (_, { attempt, idempotencyKey }) =>
      Effect.andThen(
        log.add(`${name} ${attempt} ${decodeURIComponent(idempotencyKey)}`),
        world.broken ? Effect.fail(new Declined({ reason: "no funds" })) : Effect.succeed("paid")
      )
  })

const life = Effect.fnUntraced(function*<E>(workflows: Layer.Layer<never, E, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(workflows)
  const id = yield* begin(host, W)
  const runs = yield* verbs(host)
  const retry = (run = id) => Effect.tap(runs.retry(run, { by: "ada" }), () => host.settled)
  const output = (run: string) =>
    Effect.map(world.journal(run), (journal) => {
      const end = journal.at(-1)!
      return end._tag === "RunCompleted" ? end.output : end
    })
  return { world, host, id, runs, retry, output }
})

describe("Runs.retry", () => {
  it.effect("S1, S2: what was done is not done again, the failed step is tried anew under its own key, and the failed run stays as it is", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { id, output, retry, runs, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          yield* echo(log, "book")("seat")
          const paid = yield* fragile(log, outside)()
          return yield* echo(log, "tell")(paid)
        })
      ))
      const before = yield* world.rows(id)
      assert.strictEqual((yield* world.run(id)).status, "failed")
      outside.broken = false
      const retried = yield* retry()
      assert.deepInclude(retried, { from: id, step: "pay", joined: false, after: [] })
      assert.strictEqual(yield* output(retried.runId), "paid")
      assert.deepStrictEqual(log.entries, ["book seat", `pay 1 ${id}/pay`, `pay 2 ${id}/pay`, "tell paid"])
      assert.deepStrictEqual(yield* world.rows(id), before)
      assert.deepInclude(yield* runs.show(retried.runId), { status: "completed", by: "ada" })
      assert.deepInclude((yield* runs.show(retried.runId)).fork, { from: id, step: "pay", retry: true })
    }))

  it.effect("a failed run has one retry, whoever asks for it and however often; where that fails, it has one of its own", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { id, output, retry, world } = yield* life(W.toLayer(() => fragile(log, outside)()))
      const first = yield* retry()
      const again = yield* Effect.all([retry(), retry()], { concurrency: 2 })
      assert.deepStrictEqual(again.map(({ joined, runId }) => [joined, runId]), [[true, first.runId], [
        true,
        first.runId
      ]])
      assert.strictEqual((yield* world.run(first.runId)).status, "failed")
      outside.broken = false
      const second = yield* retry(first.runId)
      assert.notStrictEqual(second.runId, first.runId)
      assert.strictEqual(yield* output(second.runId), "paid")
      assert.deepStrictEqual(log.entries, [1, 2, 3].map((attempt) => `pay ${attempt} ${id}/pay`))
    }))

  it.effect("S1, S2: of steps that went on beside the failed one, those that ended are not done again, and one that asks is settled by an operator", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const Go = Signal.make("go")
      const hold = Step.make("hold", {
        success: Schema.String,
        onCrash: "ask",
        run: () => Effect.andThen(log.add("hold"), Effect.never)
      })
      const { host, id, output, retry, runs, world } = yield* life(W.toLayer(() =>
        Effect.all([
          hold(),
          Effect.andThen(echo(log, "a")("1"), Signal.receive(Go)).pipe(Effect.andThen(fragile(log, outside)())),
          echo(log, "b")("2")
        ], { concurrency: "unbounded" })
      ))
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "failed")
      outside.broken = false
      const { runId } = yield* retry()
      assert.deepStrictEqual(
        (yield* world.waits(runId)).map(({ key, reason }) => [reason, key]),
        [["outcome-unknown", "hold"]]
      )
      yield* runs.settle(runId, "hold", { by: "ada", action: { _tag: "complete", output: "held" } })
      yield* host.settled
      assert.deepStrictEqual(yield* output(runId), ["held", "paid", "2"])
      assert.deepStrictEqual([...log.entries].sort(), ["a 1", "b 2", "hold", `pay 1 ${id}/pay`, `pay 2 ${id}/pay`])
    }))

  it.effect("steps that failed together are tried together, and a wait for a time has as long to go as it had", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { host, id, output, retry, world } = yield* life(W.toLayer(() =>
        Effect.all([
          fragile(log, outside, "x")(),
          fragile(log, outside, "y")(),
          Effect.as(Effect.sleep("3 days"), "slept")
        ], { concurrency: "unbounded" })
      ))
      assert.strictEqual((yield* world.run(id)).status, "failed")
      outside.broken = false
      yield* pass(host, "9 days")
      const { runId } = yield* retry()
      yield* pass(host, "71 hours")
      assert.strictEqual((yield* world.run(runId)).reason, "timer")
      yield* pass(host, "1 hour")
      assert.deepStrictEqual(yield* output(runId), ["paid", "paid", "slept"])
      assert.strictEqual(log.count(`x 2 ${id}/x`), 1)
    }))

  it.effect("what the code did because of the failure is told and not shared", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { output, retry } = yield* life(
        W.toLayer(() => Effect.tapError(fragile(log, outside)(), () => echo(log, "alarm")("!")))
      )
      outside.broken = false
      const { after, runId } = yield* retry()
      assert.deepStrictEqual(after, ["alarm"])
      assert.strictEqual(yield* output(runId), "paid")
      assert.strictEqual(log.count("alarm !"), 1)
    }))

  it.effect("a failure that the code had dealt with stays dealt with: a run that failed by itself replays to its end, and other code goes on", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = (isMended: boolean) =>
        W.toLayer(() =>
          Effect.gen(function*() {
            yield* Effect.ignore(fragile(log, { broken: true }, "first")())
            yield* echo(log, "second")("2")
            if (!isMended) throw new Error("a mistake in the code")
            return yield* echo(log, "third")("3")
          })
        )
      const { host, id, output, retry, world } = yield* life(layer(false))
      const same = yield* Effect.flip(retry())
      assert.strictEqual(same._tag, "RetryRefused")
      assert.include(same.message, "its code fails again with what is recorded")
      const mended = yield* world.restart(host, layer(true))
      const { runId, step } = yield* (yield* verbs(mended)).retry(id)
      yield* mended.settled
      assert.isUndefined(step)
      assert.strictEqual(yield* output(runId), "3")
      assert.deepStrictEqual(log.entries, [`first 1 ${id}/first`, "second 2", "third 3"])
    }))

  it.effect("S8: a run that has undone what it did is not retried, and the refusal names what did it", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { id, retry, world } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          yield* echo(log, "book")("seat").pipe(W.withCompensation(() => Effect.asVoid(echo(log, "unbook")("seat"))))
          return yield* fragile(log, { broken: true })()
        })
      ))
      const before = world.store.runs.size
      const refused = yield* Effect.flip(retry())
      assert.strictEqual(
        refused.message,
        `Run ${id} cannot be retried: it has undone what it did (unbook), so a retry would take for done what is not; start it anew, or fork it at the step from which on all is to be done again`
      )
      assert.strictEqual(world.store.runs.size, before)
    }))

  it.effect("a run that has not failed is not retried", () =>
    Effect.gen(function*() {
      const { id, retry, runs, host, world } = yield* life(W.toLayer(() => Signal.receive(Signal.make("go"))))
      const why = Effect.map(Effect.flip(retry()), ({ message }) => message.replace(id, "R"))
      assert.strictEqual(yield* why, "Run R cannot be retried: it is suspended, and has not failed")
      yield* runs.cancel(id, { by: "ada", reason: "no use" })
      yield* host.settled
      assert.include(yield* why, "it was cancelled, and has not failed")
      const done = yield* life(W.toLayer(() => Effect.succeed(1)))
      assert.include((yield* Effect.flip(done.retry())).message, "it has completed")
      assert.strictEqual((yield* Effect.flip(retry("nowhere")))._tag, "RunNotFound")
      assert.strictEqual(world.store.runs.size, 1)
    }))

  it.effect("S11: a run that failed of a child is refused by the name of that, which is retried by itself", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const Child = Workflow.make("Child", {
        payload: { name: Schema.String },
        success: Schema.String,
        error: Declined,
        idempotencyKey: ({ name }) => name
      })
      const { output, retry, runs } = yield* life(Layer.merge(
        Child.toLayer(() => fragile(log, outside)()),
        W.toLayer(() => Child.execute({ name: "one" }))
      ))
      const [child] = yield* runs.list({ workflow: "Child" })
      assert.include((yield* Effect.flip(retry())).message, `it failed of its child run ${child!.id}`)
      outside.broken = false
      assert.strictEqual(yield* output((yield* retry(child!.id)).runId), "paid")
    }))

  it.effect("a step with a retry policy has one more attempt at least, and its policy counts from there", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const pay = Step.make("pay", {
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.recurs(2),
        run: (_, { attempt }) => Effect.andThen(log.add(`${attempt}`), outside.broken ? Effect.fail("no") : Effect.void)
      })
      const { host, retry, world } = yield* life(W.toLayer(() => Effect.orDie(pay())))
      const { runId } = yield* retry()
      assert.strictEqual((yield* world.run(runId)).status, "failed")
      assert.deepStrictEqual(log.entries, ["1", "2", "3", "4"])
      outside.broken = false
      const next = yield* retry(runId)
      yield* host.settled
      assert.strictEqual((yield* world.run(next.runId)).status, "completed")
    }))
})
