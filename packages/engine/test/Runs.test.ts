import { assert, describe, it } from "@effect/vitest"
import type { Answer } from "@fermata/core/Question"
import * as RunsErrors from "@fermata/core/RunsErrors"
import type { ListFilter } from "@fermata/core/RunSummary"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Workflow } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import { Engine } from "../src/Engine.ts"
import * as CurrentRuntime from "../src/internal/CurrentRuntime.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, echo, Log, pass, stuck } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })
const by = "ada"

/** The operator's verbs, as a process of this host has them. */
const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

/** A world with one host that serves these workflows. */
const setUp = Effect.fnUntraced(function*<E>(workflows: Layer.Layer<never, E, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(workflows)
  return { world, host, runs: yield* verbs(host) }
})

const W = define("W")
const waitForGo = W.toLayer(() => Signal.receive(Go))
const ask = (name: string, options: Partial<Approval.Options<Schema.Top>> = {}) =>
  Effect.orDie(Approval.ask(name, { prompt: `${name}?`, approvers: ["finance"], ...options }))

/** Collects what a follower is told until it ends. */
const collect = (runs: Runs.Runs["Service"], id: string, untilSuspended = false) =>
  Effect.forkChild(Stream.runCollect(runs.follow(id, { untilSuspended })), { startImmediately: true })

describe("Runs.find", () => {
  it.effect("finds a run by its id and by the first characters of it", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(waitForGo)
      const id = yield* begin(host, W)
      assert.strictEqual((yield* runs.find(id)).id, id)
      const found = yield* runs.find(id.slice(0, 6))
      assert.include(found, { id, workflow: "W", version: "1", status: "suspended", reason: "signal" })
      assert.deepStrictEqual(found.waits, [{ reason: "signal", key: "go" }])
    }))

  it.effect("names the runs that begin with an ambiguous prefix, and asks for more of a short one", () =>
    Effect.gen(function*() {
      const { runs, world } = yield* setUp(waitForGo)
      yield* world.backend.write(["abcd1", "abcd2", "abcd1x"].map((id) => started(id)))
      assert.deepStrictEqual(
        yield* Effect.flip(runs.find("abcd")),
        new RunsErrors.RunAmbiguous({ run: "abcd", candidates: ["abcd1", "abcd1x", "abcd2"] })
      )
      assert.strictEqual((yield* runs.find("abcd1")).id, "abcd1", "a whole id is not ambiguous")
      assert.include((yield* Effect.flip(runs.show("abc"))).message, "too short")
    }))

  it.effect("names the closest ids when there is no such run", () =>
    Effect.gen(function*() {
      const { runs, world } = yield* setUp(waitForGo)
      yield* world.backend.write(["abcd1111", "zzzz1111"].map((id) => started(id)))
      const error = yield* Effect.flip(runs.find("abcd2222"))
      assert.deepStrictEqual(error, new RunsErrors.RunNotFound({ run: "abcd2222", closest: ["abcd1111"] }))
      assert.strictEqual(error.message, `There is no run "abcd2222"; the closest are abcd1111`)
      assert.strictEqual((yield* Effect.flip(runs.find("q"))).message, `There is no run "q"`)
    }))
})

const started = (id: string) =>
  ({
    op: "start",
    run: {
      id,
      workflow: "other",
      version: "1",
      kind: "program",
      definition: null,
      root: id,
      parent: null,
      status: "queued",
      owner: null,
      dueAt: null,
      createdAt: 0
    },
    rows: [],
    blobs: [],
    subscriptions: [],
    listener: null
  }) as const

describe("Runs.list and Runs.show", () => {
  it.effect("lists the last started first, filtered by status, reason and workflow", () =>
    Effect.gen(function*() {
      const V = define("V")
      const { host, runs } = yield* setUp(Layer.mergeAll(waitForGo, V.toLayer(() => Effect.succeed(1))))
      const waiting = yield* begin(host, W)
      const done = yield* begin(host, V)
      const ids = (filter?: ListFilter) => Effect.map(runs.list(filter), (rows) => rows.map(({ id }) => id))
      assert.deepStrictEqual(yield* ids(), [done, waiting])
      assert.deepStrictEqual(yield* ids({ status: ["completed"] }), [done])
      assert.deepStrictEqual(yield* ids({ reason: ["signal"] }), [waiting])
      assert.deepStrictEqual(yield* ids({ workflow: "W" }), [waiting])
      assert.deepStrictEqual(yield* ids({ limit: 1 }), [done])
      assert.deepStrictEqual(yield* ids({ before: done.slice(0, 8) }), [waiting])
    }))

  it.effect("shows a run as its journal tells it, and the fold agrees with the store at every stage", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, runs, world } = yield* setUp(W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, "a")("x")
        yield* Effect.sleep("1 day")
        yield* ask("manager")
        const text = yield* Signal.receive(Go)
        return yield* echo(log, "b")(text)
      })))
      const id = yield* begin(host, W)
      const agree = Effect.fnUntraced(function*(status: string, reason?: string) {
        const row = yield* world.run(id)
        const folded = RunView.of(id, yield* runs.journal(id))
        const shown = yield* runs.show(id)
        assert.strictEqual(row.status, status)
        assert.strictEqual(folded.status, status)
        assert.strictEqual(folded.reason, reason as never)
        assert.strictEqual(row.reason ?? undefined, reason)
        assert.deepStrictEqual(folded.waits, yield* world.waits(id))
        assert.deepStrictEqual(JSON.parse(JSON.stringify(shown)), JSON.parse(JSON.stringify(folded)))
        return shown
      })
      yield* agree("suspended", "timer")
      yield* pass(host, "1 day")
      yield* agree("suspended", "approval")
      yield* runs.signal(id, "other", 1)
      yield* host.settled
      yield* agree("suspended", "approval")
      yield* runs.answer(id, { decision: "approve", by: "finance" })
      yield* host.settled
      yield* agree("suspended", "signal")
      yield* runs.pause(id, { by })
      yield* host.settled
      yield* agree("suspended", "operator")
      yield* runs.resume(id, { by })
      yield* host.settled
      yield* agree("suspended", "signal")
      yield* runs.signal(id, "go", "y")
      yield* host.settled
      const done = yield* agree("completed")
      assert.strictEqual(done.output, "y")
      assert.deepStrictEqual(done.steps.map(({ key, output, status }) => [key, output, status]), [[
        "a",
        "x",
        "completed"
      ], ["b", "y", "completed"]])
      assert.strictEqual(done.approvals[0]!.status, "granted")
      assert.deepStrictEqual(done.signals.map(({ count, name }) => [name, count]), [["other", 1], ["go", 1]])
    }))

  it.effect("shows a run as running whose body has started and not asked for anything yet", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(W.toLayer(() => Effect.never))
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).length, 2)
      assert.strictEqual((yield* runs.show(id)).status, "running")
    }))

  it.effect("reads the entries of a run from a place on", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(W.toLayer(() => Effect.succeed(1)))
      const id = yield* begin(host, W)
      assert.deepStrictEqual((yield* runs.journal(id, 1)).map((entry) => entry._tag), ["RunStarted", "RunCompleted"])
      assert.strictEqual((yield* Effect.flip(runs.journal("nobody")))._tag, "RunNotFound")
    }))

  it.effect("shows what comes before the damage of a corrupt journal, and that it is corrupt", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = W.toLayer(() => Effect.andThen(echo(log, "a")("x"), Signal.receive(Go)))
      const { host, world } = yield* setUp(layer)
      const id = yield* begin(host, W)
      const entries = world.store.runs.get(id)!.entries
      entries[entries.length - 1] = "{"
      const second = yield* world.restart(host, layer)
      const runs = yield* verbs(second)
      const shown = yield* runs.show(id)
      assert.include(shown, { status: "suspended", reason: "corrupt" })
      assert.strictEqual(shown.steps[0]!.key, "a")
      assert.strictEqual((yield* Effect.flip(runs.journal(id)))._tag, "EntryCorrupt")
      const told = yield* Fiber.join(yield* collect(runs, id, true))
      assert.strictEqual(told.at(-1)!.view.reason, "corrupt")
    }))
})

describe("Runs.follow", () => {
  it.effect("tells everything from the start and then what happens, each entry once, until the run is over", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, runs } = yield* setUp(W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, "a")("x")
        yield* Effect.sleep("1 day")
        return yield* echo(log, "b")("y")
      })))
      const id = yield* begin(host, W)
      const follower = yield* collect(runs, id)
      yield* host.settled
      yield* pass(host, "1 day")
      const told = yield* Fiber.join(follower)
      const entries = told.flatMap((part) => part.entries)
      assert.deepStrictEqual(entries, yield* runs.journal(id))
      assert.isAbove(told.length, 1, "it was told as it happened")
      assert.strictEqual(told[0]!.view.reason, "timer")
      assert.strictEqual(told.at(-1)!.view.status, "completed")
    }))

  it.effect("ends at once for a run that is over", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(W.toLayer(() => Effect.succeed(1)))
      const id = yield* begin(host, W)
      const told = yield* Stream.runCollect(runs.follow(id))
      assert.strictEqual(told.length, 1)
      assert.strictEqual(told[0]!.view.output, 1)
    }))

  it.effect("fails for a run that is not there", () =>
    Effect.gen(function*() {
      const { runs } = yield* setUp(waitForGo)
      assert.strictEqual((yield* Effect.flip(Stream.runCollect(runs.follow("nobody"))))._tag, "RunNotFound")
    }))

  it.effect("goes on through a timer and ends when only a person can wake the run", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(W.toLayer(() => Effect.andThen(Effect.sleep("1 day"), ask("manager"))))
      const id = yield* begin(host, W)
      const follower = yield* collect(runs, id, true)
      yield* host.settled
      assert.isUndefined(follower.pollUnsafe())
      yield* pass(host, "1 day")
      const told = yield* Fiber.join(follower)
      assert.strictEqual(told.at(-1)!.view.reason, "approval")
    }))

  it.effect("does not end while an answer is on its way to the run", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(W.toLayer(() => Effect.map(ask("manager"), () => "charged")))
      const id = yield* begin(host, W)
      yield* runs.answer(id, { decision: "approve", by: "finance" })
      const told = yield* Fiber.join(yield* collect(runs, id, true))
      assert.strictEqual(told.at(-1)!.view.output, "charged")
    }))

  it.effect("does not end while a timer may win a race against a person, or against a child that waits for one", () =>
    Effect.gen(function*() {
      const Child = define("Child")
      for (const byChild of [false, true]) {
        const slow = Effect.gen(function*() {
          if (byChild) yield* Child.execute({ id: "c" })
          else yield* Signal.receive(Go)
        })
        const { host, runs } = yield* setUp(Layer.mergeAll(
          Child.toLayer(() => ask("manager")),
          W.toLayer(() => Effect.raceFirst(Effect.as(Effect.sleep("1 day"), "late"), slow))
        ))
        const id = yield* begin(host, W)
        const follower = yield* collect(runs, id, true)
        yield* host.settled
        assert.isUndefined(follower.pollUnsafe())
        yield* pass(host, "1 day")
        assert.strictEqual((yield* Fiber.join(follower)).at(-1)!.view.output, "late")
      }
    }))

  it.effect("ends when a child of the run waits for a person", () =>
    Effect.gen(function*() {
      const Child = define("Child")
      const { host, runs } = yield* setUp(Layer.mergeAll(
        Child.toLayer(() => Effect.andThen(Effect.sleep("1 day"), ask("manager"))),
        W.toLayer(() => Child.execute({ id: "c" }))
      ))
      const id = yield* begin(host, W)
      const follower = yield* collect(runs, id, true)
      yield* host.settled
      assert.isUndefined(follower.pollUnsafe(), "the child waits for a timer")
      yield* pass(host, "1 day")
      const told = yield* Fiber.join(follower)
      assert.strictEqual(told.at(-1)!.view.reason, "child")
    }))

  it.effect("notices what another process commits when the host next looks", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const watcher = yield* Effect.provide(
        Effect.all({ host: TestHost, runs: Effect.provide(Runs.Runs, Runs.Runs.layer) }),
        yield* Layer.build(TestHost.layerOf(MemoryBackend.make(store)))
      )
      const worker = yield* Layer.build(Layer.provideMerge(waitForGo, TestHost.layerOf(MemoryBackend.make(store))))
      const id = yield* Effect.provide(W.execute({ id: "1" }, { discard: true }), worker)
      const settled = Effect.provide(Effect.flatMap(TestHost, (host) => host.settled), worker)
      yield* settled
      const follower = yield* collect(watcher.runs, id)
      yield* watcher.host.settled
      yield* Effect.provide(Signal.send(Go, { runId: id, payload: "x" }), worker)
      yield* settled
      yield* watcher.host.settled
      assert.isUndefined(follower.pollUnsafe(), "nobody has looked yet")
      yield* watcher.host.adjustHost(100)
      const told = yield* Fiber.join(follower)
      assert.strictEqual(told.at(-1)!.view.output, "x")
    }).pipe(Effect.scoped))

  it.effect("notices a run that can no longer be read, although that leaves no entry", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(waitForGo)
      const id = yield* begin(host, W)
      const follower = yield* Effect.forkChild(
        Stream.runHead(Stream.filter(runs.follow(id), ({ view }) => view.reason === "corrupt")),
        { startImmediately: true }
      )
      yield* host.evict
      yield* host.settled
      const entries = world.store.runs.get(id)!.entries
      entries[entries.length - 1] = "{"
      yield* world.tell(id, "signal", { name: "go", payload: "x" })
      yield* world.adjustHost(1_000)
      const last = yield* Fiber.join(follower)
      assert.isTrue(Option.isSome(last))
    }))

  it.effect("lets go of the engine when the follower leaves", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(waitForGo)
      const id = yield* begin(host, W)
      const first = yield* Stream.runCollect(Stream.take(runs.follow(id), 1))
      assert.strictEqual(first.length, 1)
      const follower = yield* collect(runs, id)
      yield* host.settled
      yield* Fiber.interrupt(follower)
      assert.strictEqual(yield* host.use(listeners), 0)
    }))
})

const listeners = Effect.map(CurrentRuntime.current, (runtime) => runtime.extensions.observed)

describe("Runs that acts", () => {
  it.effect("cancels a waiting run with the reason, and takes nothing for it afterwards", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(waitForGo)
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* runs.cancel(id.slice(0, 8), { by, reason: "too late" }), {
        runId: id,
        result: "accepted"
      })
      yield* host.settled
      const shown = yield* runs.show(id)
      assert.strictEqual(shown.status, "cancelled")
      assert.include(shown.stop, { by, reason: "too late" })
      const closed = new RunsErrors.RunClosed({ runId: id, status: "cancelled" })
      for (
        const verb of [
          runs.cancel(id, { by, reason: "again" }),
          runs.pause(id, { by }),
          runs.resume(id, { by }),
          runs.signal(id, "go", "x"),
          runs.settle(id, "a", { by, action: { _tag: "retry" } }),
          runs.answer(id, { decision: "approve", by })
        ]
      ) assert.deepStrictEqual(yield* Effect.flip(verb as Effect.Effect<unknown, unknown>), closed)
      assert.strictEqual(closed.message, `Run ${id} is cancelled and takes nothing any more`)
    }))

  it.effect("pauses a run so that no step starts, and resumes it where it stood", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, runs } = yield* setUp(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.sleep("1 hour")
        return yield* echo(log, "a")("x")
      })))
      const id = yield* begin(host, W)
      yield* runs.pause(id, { by })
      yield* pass(host, "1 hour")
      assert.deepStrictEqual(log.entries, [])
      assert.include(yield* runs.show(id), { status: "suspended", reason: "operator", paused: true })
      yield* runs.resume(id, { by })
      yield* host.settled
      assert.deepStrictEqual(log.entries, ["a x"])
      assert.strictEqual((yield* runs.show(id)).status, "completed")
    }))

  it.effect("has a diverged run taken up again by resume, once it replays cleanly", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let name = "a"
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, name)("x")
        return yield* Signal.receive(Go)
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      name = "b"
      const second = yield* world.restart(first, layer)
      const runs = yield* verbs(second)
      assert.include(yield* runs.show(id), { status: "suspended", reason: "diverged" })
      assert.strictEqual((yield* runs.show(id)).steps.length, 1)
      yield* runs.resume(id, { by })
      yield* second.settled
      assert.include(yield* runs.show(id), { status: "suspended", reason: "diverged" })
      assert.isNull((yield* world.run(id)).dueAt, "it rests again")
      name = "a"
      yield* runs.resume(id, { by })
      yield* second.settled
      assert.include(yield* runs.show(id), { status: "suspended", reason: "signal" })
      assert.strictEqual(log.count("a x"), 1)
    }))

  it.effect("S13: has a run that recovery gave up taken up again by resume", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 5; crash++) {
        host = yield* world.restart(host, layer, { killAt: { count: 1, when: "before" } })
      }
      host = yield* world.restart(host, layer)
      const runs = yield* verbs(host)
      assert.include(yield* runs.show(id), { status: "suspended", reason: "recovery" })
      const began = log.entries.length
      yield* runs.resume(id, { by })
      yield* host.settled
      assert.strictEqual((yield* runs.show(id)).status, "running")
      assert.strictEqual(log.entries.length, began + 1)
    }))

  it.effect("settles a step whose outcome is unknown, and names those that can be when it cannot", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, "a")("x")
        return yield* stuck(log, "pay", "ask")()
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const early = yield* Effect.flip((yield* verbs(first)).settle(id, "pay", { by, action: { _tag: "retry" } }))
      assert.deepStrictEqual(early, new RunsErrors.StepNotOpen({ runId: id, key: "pay", status: "running", open: [] }))
      const second = yield* world.restart(first, layer)
      const runs = yield* verbs(second)
      assert.strictEqual((yield* runs.show(id)).reason, "outcome-unknown")
      const wrong = yield* Effect.flip(runs.settle(id, "a", { by, action: { _tag: "retry" } }))
      assert.deepStrictEqual(
        wrong,
        new RunsErrors.StepNotOpen({ runId: id, key: "a", status: "completed", open: ["pay"] })
      )
      assert.strictEqual(wrong.message, `Step "a" of run ${id} is completed; these wait to be settled: pay`)
      assert.include(
        (yield* Effect.flip(runs.settle(id, "ghost", { by, action: { _tag: "retry" } }))).message,
        "is not one of its steps"
      )
      // One that was open when it was settled, and no longer is when the run learns of it.
      yield* world.tell(id, "settle", { key: "a", by, action: { _tag: "retry" } })
      assert.isTrue(
        (yield* world.journal(id)).some((entry) => entry._tag === "MessageRefused" && entry.kind === "settle")
      )
      yield* runs.settle(id, "pay", { by, action: { _tag: "complete", output: "paid" } })
      yield* second.settled
      const shown = yield* runs.show(id)
      assert.strictEqual(shown.output, "paid")
      assert.strictEqual(RunView.step(shown, "pay")!.settledBy, by)
    }))

  it.effect("settles an unknown step while another branch of the run is at work", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() =>
        Effect.all([stuck(log, "pay", "ask")(), stuck(log, "work", "rerun")()], { concurrency: "unbounded" })
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      const runs = yield* verbs(second)
      assert.strictEqual((yield* runs.show(id)).status, "running")
      assert.deepStrictEqual(
        yield* Effect.flip(runs.settle(id, "work", { by, action: { _tag: "retry" } })),
        new RunsErrors.StepNotOpen({ runId: id, key: "work", status: "running", open: ["pay"] })
      )
      yield* runs.settle(id, "pay", { by, action: { _tag: "fail", message: "declined by phone" } })
      yield* second.settled
      assert.include(RunView.step(yield* runs.show(id), "pay")!.error!.message, "declined by phone")
    }))

  it.effect("S6: takes a signal once under one id, before and after the run has taken it", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(W.toLayer(() => Effect.all([Signal.receive(Go), Signal.receive(Go)])))
      const id = yield* begin(host, W)
      const results = [
        yield* runs.signal(id, "go", "first", { id: "s1", by }),
        yield* runs.signal(id, "go", "first", { id: "s1", by })
      ]
      yield* host.settled
      results.push(yield* runs.signal(id, "go", "first", { id: "s1", by }))
      assert.deepStrictEqual(results.map(({ result }) => result), ["accepted", "duplicate", "duplicate"])
      yield* runs.signal(id, "go", "second")
      yield* host.settled
      yield* assertOutput(host, W, id, ["first", "second"])
    }))
})

describe("Runs.approvals and Runs.answer", () => {
  const both = W.toLayer(() =>
    Effect.all(
      [
        ask("manager", { choices: ["now", "later"] }),
        ask("lawyer", { approvers: ["legal"], args: { schema: Schema.String, value: "text", editable: true } })
      ],
      { concurrency: "unbounded" }
    ).pipe(Effect.map((answers) => answers.map(({ args, by, choice }) => [args ?? null, ...by, choice ?? null])))
  )

  it.effect("lists open questions, and those of one person", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(both)
      const id = yield* begin(host, W)
      const open = yield* runs.approvals()
      assert.deepStrictEqual(open.map((approval) => approval.id), [`${id}/manager`, `${id}/lawyer`])
      assert.include(open[0], { prompt: "manager?", quorum: 1, editable: false, workflow: "W" })
      assert.deepStrictEqual(open[0]!.choices, ["now", "later"])
      assert.strictEqual(open[1]!.args, "text")
      assert.deepStrictEqual((yield* runs.approvals({ approver: ["ada", "legal"] })).map(({ key }) => key), ["lawyer"])
      assert.deepStrictEqual(yield* runs.approvals({ workflow: "other" }), [])
      assert.strictEqual((yield* runs.approvals({ run: id.slice(0, 6), limit: 1 })).length, 1)
    }))

  it.effect("asks which question is meant when several are open", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(both)
      const id = yield* begin(host, W)
      const error = yield* Effect.flip(runs.answer(id, { decision: "approve", by: "legal" }))
      assert.deepStrictEqual(
        error,
        new RunsErrors.ApprovalAmbiguous({ runId: id, open: [`${id}/manager`, `${id}/lawyer`] })
      )
    }))

  it.effect("records the answers of those who may give them, by name and by role", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(both)
      const id = yield* begin(host, W)
      yield* runs.answer(`${id.slice(0, 6)}/manager`, { decision: "approve", by, roles: ["finance"], choice: "now" })
      yield* host.settled
      yield* runs.answer(id, { decision: "approve", by: "legal", edit: "better text" })
      yield* host.settled
      yield* assertOutput(host, W, id, [
        [null, by, "now"],
        ["better text", "legal", null]
      ])
    }))

  it.effect("refuses others and names who may answer, and records nothing", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(both)
      const id = yield* begin(host, W)
      const error = yield* Effect.flip(
        runs.answer(`${id}/manager`, { decision: "approve", by: "mallory", roles: ["intern"] })
      )
      assert.deepStrictEqual(
        error,
        new RunsErrors.NotAllowed({ approval: `${id}/manager`, by: "mallory", approvers: ["finance"] })
      )
      assert.include(error.message, "only finance may")
      yield* host.settled
      assert.strictEqual((yield* runs.approvals()).length, 2)
    }))

  it.effect("refuses a choice that was not offered and an edit of what may not be edited", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(both)
      const id = yield* begin(host, W)
      const refused = (key: string, given: Partial<Answer>) =>
        Effect.map(
          Effect.flip(
            runs.answer(`${id}/${key}`, { decision: "approve", by: key === "lawyer" ? "legal" : "finance", ...given })
          ),
          (error) => error.message
        )
      assert.include(yield* refused("manager", { choice: "never" }), `"never" is not among its choices: now, later`)
      assert.include(yield* refused("lawyer", { choice: "now" }), "offers no choices")
      assert.include(yield* refused("manager", { choice: "now", edit: 1 }), "may not be edited")
    }))

  it.effect("refuses an answer to a question that is closed or was never asked", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(
        Layer.mergeAll(W.toLayer(() => Effect.andThen(ask("manager"), Signal.receive(Go))))
      )
      const id = yield* begin(host, W)
      const wrong = yield* Effect.flip(runs.answer(`${id}/lawyer`, { decision: "deny", by: "finance" }))
      assert.deepStrictEqual(
        wrong,
        new RunsErrors.ApprovalNotOpen({ runId: id, key: "lawyer", open: [`${id}/manager`] })
      )
      yield* runs.answer(id, { decision: "approve", by: "finance" })
      yield* host.settled
      const late = yield* Effect.flip(runs.answer(id, { decision: "approve", by: "finance" }))
      assert.strictEqual(late.message, `Approval ${id}/manager is answered already: approved by finance, 0 s ago`)
    }))
})

describe("Runs.start", () => {
  const Order = Workflow.make("order", {
    payload: { id: Schema.String, at: Schema.DateFromString },
    success: Schema.String,
    idempotencyKey: ({ id }) => id
  })
  const layer = Order.toLayer((order) => Effect.succeed(`${order.id} ${order.at.toISOString()}`))
  const payload = { id: "7", at: "2030-01-01T00:00:00.000Z" }

  it.effect("starts a program from JSON under the id that the program itself gives it, and joins it the next time", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* setUp(layer)
      const first = yield* runs.start("order", { ...payload, ignored: true }, { by })
      assert.isFalse(first.joined)
      assert.strictEqual(first.runId, yield* Order.executionId({ id: "7", at: new Date(payload.at) }))
      assert.deepStrictEqual(yield* runs.start("order", payload), {
        runId: first.runId,
        joined: true,
        otherInput: false
      })
      yield* host.settled
      const shown = yield* runs.show(first.runId)
      assert.strictEqual(shown.output, "7 2030-01-01T00:00:00.000Z")
      assert.strictEqual(shown.by, by)
      assert.deepStrictEqual(shown.payload, payload, "as the program's schema writes it")
    }))

  it.effect("starts another run by a key, and a new one in any case when asked to", () =>
    Effect.gen(function*() {
      const { runs } = yield* setUp(layer)
      const usual = yield* runs.start("order", payload)
      const keyed = yield* runs.start("order", payload, { key: "k" })
      assert.deepStrictEqual(yield* runs.start("order", payload, { key: "k" }), { ...keyed, joined: true })
      const fresh = [
        yield* runs.start("order", payload, { new: true }),
        yield* runs.start("order", payload, { new: true })
      ]
      assert.isTrue(fresh.every(({ joined }) => !joined))
      assert.strictEqual(new Set([usual, keyed, ...fresh].map(({ runId }) => runId)).size, 4)
    }))

  it.effect("refuses input that does not fit, and a workflow that nobody registered", () =>
    Effect.gen(function*() {
      const { runs } = yield* setUp(layer)
      const refused = yield* Effect.flip(runs.start("order", { id: 7 }))
      assert.strictEqual(refused._tag, "PayloadRefused")
      assert.include(refused.message, "id")
      const unknown = yield* Effect.flip(runs.start("ordre", payload))
      assert.deepStrictEqual(unknown, new RunsErrors.WorkflowNotFound({ workflow: "ordre", known: ["order@1"] }))
      assert.include((yield* Effect.flip(runs.start("order", payload, { version: "9" }))).message, `"order" version 9`)
      assert.deepStrictEqual(yield* runs.list(), [])
    }))

  it.effect("takes the highest version unless told which", () =>
    Effect.gen(function*() {
      const version = (text: string) =>
        Workflow.make("order", {
          payload: { id: Schema.String },
          success: Schema.String,
          idempotencyKey: ({ id }) => id
        }).annotate(Workflows.Version, text).toLayer(() => Effect.succeed(text))
      const { host, runs } = yield* setUp(Layer.mergeAll(version("2"), version("10"), version("9")))
      const { runId } = yield* runs.start("order", { id: "a" })
      const old = yield* runs.start("order", { id: "b" }, { version: "2" })
      yield* host.settled
      assert.strictEqual((yield* runs.show(runId)).output, "10")
      assert.strictEqual((yield* runs.show(old.runId)).output, "2")
    }))

  it.effect("queues a program whose code is elsewhere when its run can be named, and else says why not", () =>
    Effect.gen(function*() {
      const { host, world } = yield* setUp(layer)
      const operator = yield* world.start(Layer.empty, { worker: false })
      const runs = yield* verbs(operator)
      const refused = yield* Effect.flip(runs.start("order", payload))
      assert.strictEqual(refused._tag, "StartRefused")
      assert.include(refused.message, "give a key")
      const { runId } = yield* runs.start("order", payload, { key: "7" })
      assert.strictEqual(runId, yield* Order.executionId({ id: "7", at: new Date(payload.at) }))
      yield* host.use(Effect.flatMap(TestHost, (test) => test.settled))
      yield* world.tell(runId, "signal", { name: "wake", payload: null })
      assert.strictEqual((yield* runs.show(runId)).status, "completed")
    }))

  it.effect("leaves documents to those who serve their kind, which may come at any time", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(layer)
      const row = {
        name: "triage",
        version: "1.0.0",
        kind: "contract",
        hash: "h",
        schemas: "{}",
        document: "{}",
        at: 0
      } as const
      yield* world.backend.write([{ op: "define", row }])
      assert.include((yield* Effect.flip(runs.start("triage", {}))).message, "does not serve contracts")
      yield* host.use(Effect.flatMap(Engine, (engine) =>
        engine.extend({
          name: "triage",
          definitions: {
            kind: "contract",
            resolve: () => Effect.undefined,
            offer: () => ({}),
            unserved: () => [],
            describe: () => undefined,
            request: (definition, payload, { by }) =>
              Effect.succeed({
                id: "triage-1",
                workflow: definition.name,
                version: definition.version,
                kind: definition.kind,
                definition: definition.hash,
                root: "triage-1",
                parent: null,
                listener: null,
                payload,
                subscriptions: [],
                ...(by === undefined ? {} : { by })
              })
          }
        })))
      assert.deepStrictEqual(yield* runs.start("triage", { id: 1 }, { by }), {
        runId: "triage-1",
        joined: false,
        otherInput: false
      })
      assert.include(yield* runs.show("triage-1"), { workflow: "triage", version: "1.0.0", status: "queued", by })
    }))
})

describe("Runs.census and Runs.owners", () => {
  it.effect("counts runs by status and names the processes, living and gone", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(waitForGo)
      yield* begin(host, W)
      assert.deepStrictEqual((yield* runs.census).byStatus, { suspended: 1 })
      const [owner] = yield* runs.owners
      assert.include(owner, { alive: true, worker: true })
      yield* world.start(Layer.empty, { ownerId: "operator", worker: false, info: { pid: 7 } })
      const operator = (yield* runs.owners).find(({ id }) => id === "operator")!
      assert.isFalse(operator.worker)
      assert.deepStrictEqual(operator.info, { pid: 7, leaseMs: 10_000 })
    }))
})
