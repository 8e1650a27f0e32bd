import { assert, describe, it } from "@effect/vitest"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schedule, Schema } from "effect"
import { CurrentActor } from "../src/Actor.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { Limits } from "../src/Workflows.ts"
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

const Child = define("Child")
const Grandchild = define("Grandchild")

describe("Runs.retry of a run that failed of a child", () => {
  it.effect("S1, S2, S11: retries the child with it, at any depth, under the same keys, and does nothing again that was done", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { id, output, retry, runs, world } = yield* life(Layer.mergeAll(
        Grandchild.toLayer(() => Effect.andThen(echo(log, "deep")("1"), fragile(log, outside)())),
        Child.toLayer(({ id }) => Effect.andThen(echo(log, "middle")("1"), Grandchild.execute({ id }))),
        W.toLayer(({ id }) =>
          echo(log, "top")("1").pipe(
            Effect.andThen(Child.execute({ id })),
            Effect.flatMap((paid) => echo(log, "tell")(String(paid)))
          )
        )
      ))
      const [child] = yield* runs.list({ workflow: "Child" })
      const [grandchild] = yield* runs.list({ workflow: "Grandchild" })
      const before = yield* Effect.forEach([id, child!.id, grandchild!.id], world.rows)
      outside.broken = false
      const retried = yield* retry()
      assert.deepInclude(retried, { from: id, child: child!.id, joined: false, after: [] })
      assert.isUndefined(retried.step)
      assert.strictEqual(yield* output(retried.runId), "paid")
      assert.deepStrictEqual(log.entries, [
        "top 1",
        "middle 1",
        "deep 1",
        `pay 1 ${grandchild!.id}/pay`,
        `pay 2 ${grandchild!.id}/pay`,
        "tell paid"
      ])
      assert.deepStrictEqual(yield* Effect.forEach([id, child!.id, grandchild!.id], world.rows), before)
      const [newChild, ...others] = yield* runs.list({ workflow: "Child" })
      assert.lengthOf(others, 1)
      assert.deepInclude(newChild, { parent: retried.runId, root: retried.runId, status: "completed" })
      const view = yield* runs.show(retried.runId)
      assert.deepStrictEqual(
        view.children.map(({ child, retryOf, status }) => ({ child, retryOf, status })),
        [{ child: newChild!.id, retryOf: child!.id, status: "completed" }]
      )
      const shown = yield* runs.show(newChild!.id)
      assert.deepInclude(shown, { by: "ada", parent: retried.runId })
      assert.deepInclude(shown.fork, { from: child!.id, retry: true })
      const again = yield* retry()
      assert.deepStrictEqual([again.joined, again.runId, again.child], [true, retried.runId, child!.id])
    }))

  it.effect("S11: where the child was retried by itself, the retry goes on with that one, however often it has failed since", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { output, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(() => fragile(log, outside)()),
        W.toLayer(({ id }) => Child.execute({ id }))
      ))
      const [child] = yield* runs.list({ workflow: "Child" })
      const first = yield* retry(child!.id)
      const second = yield* retry(first.runId)
      assert.strictEqual((yield* world.run(second.runId)).status, "failed")
      outside.broken = false
      const third = yield* retry(second.runId)
      assert.strictEqual((yield* world.run(third.runId)).parent, null)
      const stored = world.store.runs.size
      const { runId } = yield* retry()
      assert.strictEqual(yield* output(runId), "paid")
      assert.strictEqual(world.store.runs.size, stored + 1)
      assert.deepStrictEqual((yield* runs.show(runId)).children.map(({ child }) => child), [third.runId])
      assert.lengthOf(log.entries, 4)
    }))

  it.effect("where the child fails again, so does the retry, and the retry of that takes up the child where it stands", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { id, output, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(() => fragile(log, outside)()),
        W.toLayer(({ id }) => Child.execute({ id }))
      ))
      const [child] = yield* runs.list({ workflow: "Child" })
      const first = yield* retry()
      assert.strictEqual((yield* world.run(first.runId)).status, "failed")
      assert.isTrue((yield* retry(child!.id)).joined)
      outside.broken = false
      const second = yield* retry(first.runId)
      assert.strictEqual(yield* output(second.runId), "paid")
      assert.deepStrictEqual(log.entries, [1, 2, 3].map((attempt) => `pay ${attempt} ${child!.id}/pay`))
      const [last] = (yield* runs.show(second.runId)).children
      assert.deepInclude(last, { retryOf: child!.id, status: "completed" })
      assert.strictEqual((yield* world.run(last!.child)).parent, second.runId)
      assert.strictEqual((yield* world.run(id)).status, "failed")
    }))

  it.effect("children that failed with it are retried, one that goes on is waited for, and one whose failure the code has dealt with stays as it was", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const Go = Signal.make("go")
      const { host, output, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(({ id }) =>
          id === "waits"
            ? Effect.as(Signal.receive(Go), "went")
            : Effect.andThen(echo(log, "begin")(id), fragile(log, outside, `pay-${id}`)())
        ),
        W.toLayer(() =>
          Effect.gen(function*() {
            const dealt = yield* Effect.orElseSucceed(Child.execute({ id: "dealt" }), () => "without")
            const rest = yield* Effect.all(
              ["a", "waits", "b"].map((id) => Child.execute({ id })),
              { concurrency: "unbounded" }
            )
            return [dealt, ...rest]
          })
        )
      ))
      outside.broken = false
      const { runId } = yield* retry()
      assert.deepStrictEqual((yield* world.waits(runId)).map(({ reason }) => reason), ["child"])
      const waits = (yield* runs.list({ status: ["suspended"] })).find(({ title }) => title === "waits")
      yield* world.tell(waits!.id, "signal", { name: "go", payload: null })
      yield* host.settled
      assert.deepStrictEqual(yield* output(runId), ["without", "paid", "went", "paid"])
      for (const name of ["dealt", "a", "b"]) assert.strictEqual(log.count(`begin ${name}`), 1)
      assert.lengthOf(log.entries.filter((entry) => entry.startsWith("pay-dealt")), 1)
    }))

  it.effect("S12: a child that was stopped because a limit stopped the run goes on with the retry, from where it was stopped", () =>
    Effect.gen(function*() {
      const log = new Log()
      const Go = Signal.make("go")
      const Short = W.annotate(Limits, { maxRunMs: 60_000 })
      const { host, id, output, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(() => Effect.andThen(echo(log, "begin")("1"), Effect.as(Signal.receive(Go), "went"))),
        Short.toLayer(({ id }) => Child.execute({ id }))
      ))
      yield* pass(host, "2 minutes")
      const [child] = yield* runs.list({ workflow: "Child" })
      assert.deepStrictEqual([(yield* world.run(id)).status, child!.status], ["failed", "cancelled"])
      const { runId } = yield* retry()
      const [next] = (yield* runs.show(runId)).children
      assert.deepInclude(next, { retryOf: child!.id, status: "running" })
      yield* world.tell(next!.child, "signal", { name: "go", payload: null })
      yield* host.settled
      assert.strictEqual(yield* output(runId), "went")
      assert.deepStrictEqual(log.entries, ["begin 1"])
    }))

  it.effect("S8: a retry that is cancelled leaves the child that it has retried, which stops, and not one that a person has retried", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { host, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(({ id }) =>
          Effect.andThen(fragile(log, outside, `pay-${id}`)(), Signal.receive(Signal.make("go")))
        ),
        W.toLayer(() => Effect.all(["own", "other"].map((id) => Child.execute({ id })), { concurrency: "unbounded" }))
      ))
      const other = (yield* runs.list({ workflow: "Child" })).find(({ title }) => title === "other")
      outside.broken = false
      const byPerson = yield* retry(other!.id)
      const { runId } = yield* retry()
      const children = (yield* runs.show(runId)).children.map(({ child }) => child)
      yield* runs.cancel(runId, { by: "ada", reason: "no use" })
      yield* host.settled
      const [own, person] = yield* Effect.forEach(children, world.run)
      assert.deepStrictEqual([own!.status, person!.status, person!.id], ["cancelled", "suspended", byPerson.runId])
    }))

  it.effect("code that stops the child by its id stops the one that goes on for it", () =>
    Effect.gen(function*() {
      const outside = { broken: true }
      const Go = Signal.make("go")
      const { host, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(() => Effect.andThen(fragile(new Log(), outside)(), Signal.receive(Signal.make("never")))),
        W.toLayer(({ id }) =>
          Effect.raceFirst(
            Child.execute({ id }),
            Signal.receive(Go).pipe(
              Effect.andThen(Child.executionId({ id })),
              Effect.flatMap((child) => Child.interrupt(child)),
              Effect.andThen(Effect.never)
            )
          )
        )
      ))
      outside.broken = false
      const { runId } = yield* retry()
      const [child] = (yield* runs.show(runId)).children
      assert.strictEqual((yield* world.run(child!.child)).status, "suspended")
      yield* world.tell(runId, "signal", { name: "go", payload: null })
      yield* host.settled
      assert.strictEqual((yield* world.run(child!.child)).status, "cancelled")
    }))

  it.effect("S8: a child that has undone what it did, or that a person has cancelled, is not retried, nor is the run, and nothing is stored", () =>
    Effect.gen(function*() {
      const log = new Log()
      const undone = yield* life(Layer.merge(
        Child.toLayer(() =>
          Effect.gen(function*() {
            yield* echo(log, "book")("seat").pipe(
              Child.withCompensation(() => Effect.asVoid(echo(log, "unbook")("seat")))
            )
            return yield* fragile(log, { broken: true })()
          })
        ),
        W.toLayer(({ id }) => Child.execute({ id }))
      ))
      const [child] = yield* undone.runs.list({ workflow: "Child" })
      const stored = undone.world.store.runs.size
      assert.include(
        (yield* Effect.flip(undone.retry())).message,
        `Run ${undone.id} cannot be retried: it failed of its child run ${
          child!.id
        }, which cannot be retried: it has undone what it did (unbook)`
      )
      assert.strictEqual(undone.world.store.runs.size, stored)

      const cancelled = yield* life(Layer.merge(
        Child.toLayer(() => Signal.receive(Signal.make("go"))),
        W.toLayer(({ id }) => Child.execute({ id }))
      ))
      const [stopped] = yield* cancelled.runs.list({ workflow: "Child" })
      yield* cancelled.runs.cancel(stopped!.id, { by: "ada", reason: "no use" })
      yield* cancelled.host.settled
      assert.strictEqual((yield* cancelled.world.run(cancelled.id)).status, "failed")
      assert.include(
        (yield* Effect.flip(cancelled.retry())).message,
        `${stopped!.id}, which cannot be retried: it was cancelled, and has not failed`
      )
      assert.strictEqual(cancelled.world.store.runs.size, 2)
    }))

  it.effect("N-54: one line of the audit for each run that is made, in the name of who asked", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { id, retry, runs, world } = yield* life(Layer.merge(
        Child.toLayer(() => fragile(log, outside)()),
        W.toLayer(({ id }) => Child.execute({ id }))
      ))
      const [child] = yield* runs.list({ workflow: "Child" })
      const { runId } = yield* retry()
      const lines = (yield* world.backend.auditChain(0, 10)).filter(({ action }) => action === "run.retry")
      const [made] = (yield* runs.show(runId)).children
      assert.deepStrictEqual(
        lines.map(({ detail, target, who }) => [who, target, JSON.parse(detail)]),
        [["ada", made!.child, { from: child!.id, step: "pay" }], ["ada", runId, { from: id }]]
      )
    }))

  it.effect("a request that has a key is answered by the retry that it asks for, and not by that of a child", () =>
    Effect.gen(function*() {
      const log = new Log()
      const outside = { broken: true }
      const { id, runs, world } = yield* life(Layer.merge(
        Child.toLayer(() => fragile(log, outside)()),
        W.toLayer(({ id }) => Child.execute({ id }))
      ))
      const request = { caller: "ada", key: "once", route: "retry", hash: "h" }
      const { runId } = yield* Effect.provideService(runs.retry(id), CurrentActor, { who: "ada", how: "http", request })
      const kept = yield* world.backend.request("ada", "once")
      assert.deepInclude(JSON.parse(kept!.answer!), { runId, from: id, joined: false })
    }))

  it.effect("S1, S4, S11: at every crash point a retry comes to the same end, whoever asks for it again", () =>
    Effect.gen(function*() {
      const log = new Log()
      const hasFailed = (world: CrashHost.World) =>
        Effect.map(world.backend.runs({ workflow: "W", status: ["failed"], limit: 1 }), ({ length }) => length > 0)
      const report = yield* CrashExplorer.explore({
        workflows: (world) => {
          // Broken until the run has failed, in whichever life that is.
          const outside = {
            get broken() {
              return !Effect.runSync(hasFailed(world))
            }
          }
          return Layer.mergeAll(
            Grandchild.toLayer(() => Effect.andThen(echo(log, "deep")("1"), fragile(log, outside)())),
            Child.toLayer(({ id }) => Effect.andThen(echo(log, "middle")("1"), Grandchild.execute({ id }))),
            W.toLayer(({ id }) => Effect.flatMap(Child.execute({ id }), (paid) => echo(log, "tell")(String(paid))))
          )
        },
        drive: (host, world) =>
          Effect.gen(function*() {
            const id = yield* begin(host, W)
            yield* world.look
            // A host that is killed comes to rest too, before this is interrupted.
            if (!(yield* hasFailed(world))) return
            yield* (yield* verbs(host)).retry(id, { by: "ada" })
            yield* host.settled
            yield* world.look
          }),
        outside: (world) =>
          Effect.map(
            world.backend.runs({ limit: 10 }),
            (rows) =>
              assert.deepStrictEqual(rows.map(({ status, workflow }) => `${workflow} ${status}`).toSorted(), [
                "Child completed",
                "Child failed",
                "Grandchild completed",
                "Grandchild failed",
                "W completed",
                "W failed"
              ])
          )
      })
      assert.isAbove(report.writes, 12)
      assert.strictEqual(report.crashes, report.writes * 2)
    }))
})
