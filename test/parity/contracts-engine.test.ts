import { assert, describe, it } from "@effect/vitest"
import { TicketTriage } from "@fermata/contracts"
import { Contracts } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import { StepPolicy } from "@fermata/contracts/RecordedStep"
import { type TaskReply, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { EngineEvent, type JournalEntry, RunView } from "@fermata/core"
import { MemoryBackend, Runs, Store } from "@fermata/engine"
import { Events } from "@fermata/engine/Events"
import { CrashHost } from "@fermata/testing"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, Logger } from "effect"
import fs from "node:fs"
import {
  backends,
  complete,
  contract,
  giveWay,
  handlers,
  hear,
  Log,
  run,
  serve,
  serveAgain,
  serveOn
} from "./support.ts"

const end = { id: "end", kind: "transform", set: { reached: true }, next: null }
const triggered = (id: string, event: string) => contract([end], { id, triggers: [{ type: "event", event }] })

describe("packages and construction", () => {
  it.effect("C-02: the engine is put together from its parts; it runs without a model", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make, { tasks: handlers({ work: () => Effect.succeed("worked") }) })
      const id = yield* run(host, contract([{ id: "work", kind: "task", task: "work", next: null }]))
      assert.deepInclude(yield* host.runs.show(id), { status: "completed", output: "worked" })
    }))

  it.effect("C-03: no event starts a run before contracts are served, and from then on each starts exactly one", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      yield* Effect.scoped(
        Effect.flatMap(
          serveOn(MemoryBackend.make(store)),
          ({ contracts }) => contracts.add(triggered("c", "ticket.created"))
        )
      )
      const base = Runs.Runs.layer.pipe(
        Layer.provideMerge(Events.layer),
        Layer.provideMerge(Layer.merge(TaskRuntime.layerNone, Llm.layerNone)),
        Layer.provideMerge(TestHost.layerOf(MemoryBackend.make(store)))
      )
      const services = yield* Layer.build(base)
      const { settled } = Context.get(services, TestHost)
      const publish = (id: string) =>
        Effect.andThen(Context.get(services, Events).emit("ticket.created", { id }, { id }), settled)
      const runs = Effect.flatMap(
        Context.get(services, Runs.Runs).list(),
        Effect.forEach(({ id }) =>
          Effect.map(Context.get(services, Runs.Runs).show(id), ({ status, trigger }) => [trigger?.id, status])
        )
      )
      yield* publish("early")
      assert.deepStrictEqual(yield* runs, [])
      yield* Effect.provide(Layer.build(Contracts.layer), services)
      yield* settled
      // S3: what was published is recorded, so the early event is not lost.
      assert.deepStrictEqual(yield* runs, [["early", "completed"]])
      yield* publish("late")
      assert.deepStrictEqual(yield* runs, [["late", "completed"], ["early", "completed"]])
    }).pipe(Effect.scoped))
})

describe("triggers and registration", () => {
  it.effect("C-04: a run is started by hand with the event that it is to see, and the id names its record", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      yield* host.contracts.add(TicketTriage.ticketTriageDocument)
      const { joined, runId } = yield* host.contracts.start({
        contract: "fermata.ticket-triage",
        event: { name: "ticket.created", payload: TicketTriage.sampleTicket }
      })
      assert.isString(runId)
      assert.isFalse(joined)
      const shown = yield* host.runs.show(runId)
      assert.strictEqual(shown.trigger?.event, "ticket.created")
      assert.deepStrictEqual(shown.payload, { input: TicketTriage.sampleTicket })
      assert.include(yield* world.run(runId), { id: runId, workflow: "fermata.ticket-triage", kind: "contract" })
    }))

  it.effect("C-05: a contract that is in the store can be started by its id, and an unknown one is a typed failure", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const first = yield* serve(world)
      yield* first.contracts.add(contract([end]))
      const second = yield* serveAgain(world, first)
      const { runId } = yield* second.contracts.start({ contract: "c" })
      yield* second.settled
      assert.strictEqual((yield* world.run(runId)).status, "completed")
      const unknown = yield* Effect.flip(second.contracts.start({ contract: "d" }))
      assert.deepInclude(unknown, { _tag: "ContractNotFound", contract: "d", known: ["c@1.0.0"] })
      assert.deepInclude(yield* Effect.flip(second.contracts.start({ contract: "c", version: "2.0.0" })), {
        _tag: "ContractNotFound",
        version: "2.0.0"
      })
    }))

  it.effect("C-06: the ready-made contract triages the sample ticket to its end", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world, {
        llm: Llm.layerScripted([{
          when: "Bug in login flow",
          reply: { category: "bug", severity: "normal", summary: "Login reloads" }
        }]),
        tasks: handlers({ "analyze-ticket": () => Effect.succeed({ cause: "a cookie" }) })
      })
      const heard = yield* hear(host, "ticket.triaged")
      assert.strictEqual(TicketTriage.ticketTriageContract.id, "fermata.ticket-triage")
      assert.include(TicketTriage.sampleTicket, { id: "T-123", title: "Bug in login flow" })
      yield* host.contracts.add(TicketTriage.ticketTriageDocument)
      yield* host.events.emit("ticket.created", TicketTriage.sampleTicket)
      yield* host.settled
      yield* giveWay()
      const [triage] = yield* host.runs.list({ workflow: "fermata.ticket-triage" })
      assert.strictEqual(triage?.status, "completed")
      assert.deepStrictEqual(heard.map(({ payload }) => payload), [{
        id: "T-123",
        triage: { category: "bug", severity: "normal", summary: "Login reloads" },
        analysis: { cause: "a cookie" },
        run: triage!.id
      }])
    }))

  it.effect("C-07: an event starts one run of every contract that listens to it, and none of the others", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      yield* host.contracts.add(triggered("A", "x"))
      yield* host.contracts.add(triggered("B", "y"))
      const runs = Effect.map(host.runs.list(), (rows) => rows.map(({ workflow }) => workflow).sort())
      yield* Effect.andThen(host.events.emit("x", {}), host.settled)
      assert.deepStrictEqual(yield* runs, ["A"])
      yield* host.contracts.add(triggered("A2", "x"))
      yield* Effect.andThen(host.events.emit("x", {}), host.settled)
      assert.deepStrictEqual(yield* runs, ["A", "A", "A2"])
    }))

  it.effect("C-08: ticket.created and github.pr.opened each start the contract that listens to them", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      yield* host.contracts.add(triggered("tickets", "ticket.created"))
      yield* host.contracts.add(triggered("reviews", "github.pr.opened"))
      const started = Effect.fnUntraced(function*(event: string) {
        const before = (yield* host.runs.list()).length
        yield* Effect.andThen(host.events.emit(event, {}), host.settled)
        const rows = yield* host.runs.list()
        return rows.slice(0, rows.length - before).map(({ workflow }) => workflow)
      })
      assert.deepStrictEqual(yield* started("ticket.created"), ["tickets"])
      assert.deepStrictEqual(yield* started("github.pr.opened"), ["reviews"])
      assert.deepStrictEqual(yield* started("github.pr.closed"), [])
    }))
})

/** A run with every kind of step in it, brought to its end. */
const everything = Effect.fnUntraced(function*(parts: Parameters<typeof serve>[1], world: CrashHost.World) {
  const host = yield* serve(world, {
    llm: Llm.layerScripted([{ when: "think", reply: "thought" }]),
    tasks: Layer.succeed(TaskRuntime, {
      tasks: ["far"],
      submit: () => Effect.succeed<TaskReply>({ _tag: "Submitted" })
    }),
    ...parts
  })
  const id = yield* run(host, document, { key: "one", input: { size: 3 } })
  yield* complete(host, id, "work", { made: 7 })
  yield* host.events.emit("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "admin" }, {
    id: "the-answer"
  })
  yield* host.settled
  yield* host.events.emit("go.on", { at: "last" }, { id: "the-event" })
  yield* host.settled
  const ended = (yield* world.journal(id)).at(-1)
  assert.strictEqual(ended?._tag, "RunCompleted", JSON.stringify(ended))
  return { host, id }
})

const document = contract([
  { id: "prepare", kind: "transform", set: { size: "{{ input.size }}" }, next: "decide" },
  { id: "decide", kind: "branch", cases: [{ when: "state.size > 2", next: "think" }], default: null },
  { id: "think", kind: "llm", prompt: "think", next: "work" },
  { id: "work", kind: "task", task: "far", next: "gate" },
  { id: "gate", kind: "approval", prompt: "Go on?", approvers: ["admin"], nextOnApproved: "tell", nextOnDenied: null },
  { id: "tell", kind: "emit", event: "my.first", payload: { thought: "{{ steps.think.output }}" }, next: "hold" },
  { id: "hold", kind: "wait", event: "go.on", next: "tellAgain" },
  {
    id: "tellAgain",
    kind: "emit",
    event: "my.second",
    payload: { made: "{{ steps.work.output.made }}", chance: "{{ $random() }}" },
    next: "all"
  },
  {
    id: "all",
    kind: "transform",
    set: { all: ["{{ steps.think.output }}", "{{ steps.hold.output.at }}", "{{ $millis() }}"] },
    next: null
  }
])

describe("determinism", () => {
  it.effect("C-09: the advance of a run is a function of its record and the next fact, with nothing else around", () =>
    Effect.sync(() => {
      const at = { at: 5, epoch: 1 }
      const begun = RunView.of("r", [
        { _tag: "RunRequested", seq: 0, ...at, workflow: "c", version: "1.0.0", payload: { input: null } },
        { _tag: "RunStarted", seq: 1, ...at }
      ])
      const requested: JournalEntry.EntryOf<"StepRequested"> = {
        _tag: "StepRequested",
        seq: 2,
        ...at,
        key: "work",
        name: "work",
        attempt: 1,
        onCrash: "ask",
        input: 7
      }
      const working = RunView.fold(begun, requested)
      assert.deepStrictEqual(begun.steps, [])
      assert.deepStrictEqual(working.steps.map(({ input, key, status }) => [key, input, status]), [[
        "work",
        7,
        "running"
      ]])
      const told: ReadonlyArray<unknown> = EngineEvent.of("r", "c", requested, begun)
      assert.deepStrictEqual(told, [{
        id: "r:2",
        at: 5,
        correlationId: "r",
        name: "engine.step.requested",
        payload: { runId: "r", workflow: "c", stepId: "work", name: "work", attempt: 1, input: 7 }
      }])
      const waits = [{ reason: "signal", key: "event:go.on" }] as const
      const parked = RunView.fold(working, { _tag: "RunSuspended", seq: 3, ...at, waits })
      assert.deepInclude(parked, { status: "suspended", reason: "signal", waits })
      const failed: JournalEntry.JournalEntry = {
        _tag: "RunFailed",
        seq: 4,
        ...at,
        at: 9,
        cause: [{ _tag: "Fail", error: "no" }]
      }
      const over = RunView.fold(parked, failed)
      assert.deepInclude(over, { status: "failed", waits: [] })
      assert.strictEqual(over.times.endedAt, 9)
      assert.strictEqual(over.steps[0]!.status, "abandoned")
      assert.deepStrictEqual(EngineEvent.of("r", "c", failed, parked).map(({ name }) => name), ["engine.run.failed"])
      assert.strictEqual(parked.status, "suspended", "the record before is left as it was")
    }))

  it.effect("C-10: the same record, fact and time give the same state and the same effects, here and again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const { id } = yield* everything({}, world)
      const entries = yield* world.journal(id)
      const transitions = () => {
        let view = RunView.empty(id)
        return entries.map((entry) => {
          const effects = EngineEvent.of(id, "c", entry, view)
          view = RunView.fold(view, entry)
          return { view, effects }
        })
      }
      const here = JSON.stringify(transitions())
      assert.strictEqual(JSON.stringify(transitions()), here)
      const copied = JSON.stringify(entries.map((entry, index) => {
        const view: RunView.RunView = JSON.parse(JSON.stringify(RunView.of(id, entries.slice(0, index))))
        return { view: RunView.fold(view, entry), effects: EngineEvent.of(id, "c", entry, view) }
      }))
      assert.strictEqual(copied, here, "a record that was sent elsewhere goes on alike")

      // And the engine around it: the same facts at the same times make the same journal, byte for byte.
      const other = yield* CrashHost.make
      const again = yield* everything({}, other)
      assert.strictEqual(again.id, id)
      assert.deepStrictEqual(yield* other.rows(id), yield* world.rows(id))
    }))

  it.effect("C-11: with a fake in every port a run touches neither the network, nor the files, nor the time of the machine", () =>
    Effect.gen(function*() {
      const log = new Log()
      const world = yield* CrashHost.make
      const parts = {
        llm: Layer.succeed(Llm, { invoke: () => Effect.as(log.add("model"), { text: "thought", model: "fake" }) }),
        tasks: Layer.succeed(TaskRuntime, {
          tasks: ["far"],
          submit: ({ task }) => Effect.as(log.add(`task ${task}`), { _tag: "Submitted" } satisfies TaskReply)
        }),
        around: Layer.merge(
          Layer.succeed(
            StepPolicy,
            (_, request) => Effect.as(log.add(`policy ${request.kind}`), { decision: "allow" })
          ),
          Logger.layer([])
        )
      }
      const { id } = yield* withoutMachine(everything(parts, world))
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.deepStrictEqual(log.entries, [
        "policy llm:invoke",
        "model",
        "policy task:run",
        "task far",
        "policy event:emit",
        "policy event:emit"
      ])
    }))

  it.effect("C-12: the journal of a run rebuilds it where everything else is dead, to the same record and the same events in order", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const { host, id } = yield* everything({}, world)
      const rows = yield* world.rows(id)
      const row = yield* world.run(id)
      const original = yield* host.runs.show(id)

      // Another store gets the contract and all of the journal but its last entry.
      const other = yield* CrashHost.make
      const definitions = yield* Effect.orDie(world.backend.definitions)
      const at = { status: "queued", owner: null, dueAt: 0 } as const
      const {
        length: _length,
        epoch: _epoch,
        reason: _reason,
        takeovers: _takeovers,
        updatedAt: _updatedAt,
        waits: _waits,
        ...same
      } = row
      yield* Effect.orDie(other.backend.write([
        ...definitions.map((definition) => ({ op: "define", row: definition } as const)),
        { op: "start", run: { ...same, ...at }, rows: rows.slice(0, -1), blobs: [], subscriptions: [], listener: null }
      ]))
      const dead = Effect.die(new Error("nobody answers here"))
      const replayed = yield* serve(other, {
        llm: Layer.succeed(Llm, { invoke: () => dead }),
        tasks: Layer.succeed(TaskRuntime, { tasks: ["far", "work"], submit: () => dead }),
        around: Layer.succeed(StepPolicy, () => dead)
      })
      yield* replayed.settled
      const end = (text: string) => ({ ...(JSON.parse(text) as JournalEntry.JournalEntry), at: 0, epoch: 0 })
      const again = yield* other.rows(id)
      assert.deepStrictEqual(again.slice(0, -1), rows.slice(0, -1))
      assert.deepStrictEqual(end(again.at(-1)!), end(rows.at(-1)!))
      const rebuilt = yield* replayed.runs.show(id)
      for (const part of ["status", "output", "steps", "state", "events", "approvals", "signals", "counts"] as const) {
        assert.deepStrictEqual(rebuilt[part], original[part], part)
      }
      assert.deepStrictEqual(rebuilt.events.map(({ name }) => name), ["my.first", "my.second"])
    }))

  it.effect("C-13: the store has the contract and, after every step, how far the run has come", () =>
    Effect.gen(function*() {
      for (const [name, make] of Object.entries(backends)) {
        yield* Effect.gen(function*() {
          const backend = yield* make
          const host = yield* serveOn(backend, {
            tasks: Layer.succeed(TaskRuntime, {
              tasks: ["far"],
              submit: () => Effect.succeed<TaskReply>({ _tag: "Submitted" })
            })
          })
          const id = yield* run(
            host,
            contract([
              { id: "one", kind: "task", task: "far", next: "keep" },
              { id: "keep", kind: "transform", set: { one: "{{ steps.one.output }}" }, next: "two" },
              { id: "two", kind: "task", task: "far", next: null }
            ])
          )
          /** Read by somebody who has the store and nothing else. */
          const record = Effect.gen(function*() {
            const entries = yield* Store.Store.make(backend).journal(id)
            const row = yield* backend.run(id)
            const view = RunView.of(id, entries)
            assert.strictEqual(view.status, row!.status)
            return { status: view.status, step: view.steps.at(-1)?.key, state: view.state["state"]?.value }
          })
          assert.deepStrictEqual(yield* record, { status: "suspended", step: "one", state: undefined }, name)
          yield* complete(host, id, "one", 1)
          assert.deepStrictEqual(yield* record, { status: "suspended", step: "two", state: { one: 1 } }, name)
          yield* complete(host, id, "two", 2)
          assert.deepStrictEqual(yield* record, { status: "completed", step: "two", state: { one: 1 } }, name)
          const definition = yield* backend.definition("c", "1.0.0")
          assert.deepInclude(JSON.parse(definition!.document!), { id: "c", title: "C" })
        }).pipe(Effect.scoped)
      }
    }))
})

/**
 * Runs an effect while the network, the files, the time and the chance of the machine throw. JSONata reads the time
 * into a variable that expressions never see, so it alone is given a date, and that date is none.
 */
const withoutMachine = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const forbid = (what: string) => () => {
    throw new Error(`the run touched ${what}`)
  }
  const real = Date
  const now = () => {
    if (new Error().stack?.split("\n")[3]?.includes("/jsonata/") !== true) forbid("the time")()
    return Number.NaN
  }
  const FakeDate = Object.assign(
    function(...args: ReadonlyArray<unknown>) {
      return new real(args.length === 0 ? now() : args[0] as number)
    },
    { now: () => now(), UTC: real.UTC, parse: real.parse }
  )
  const places: ReadonlyArray<readonly [object: object, name: string, replacement: unknown]> = [
    [globalThis, "fetch", forbid("the network")],
    [globalThis, "Date", FakeDate],
    [Math, "random", forbid("chance")],
    ...(["readFileSync", "writeFileSync", "openSync", "readFile", "writeFile", "open"] as const).map((name) =>
      [fs, name, forbid("a file")] as const
    )
  ]
  return Effect.acquireUseRelease(
    Effect.sync(() =>
      places.map(([object, name, replacement]) => {
        const before: unknown = Reflect.get(object, name)
        Reflect.set(object, name, replacement)
        return [object, name, before] as const
      })
    ),
    () => effect,
    (before) => Effect.sync(() => before.forEach(([object, name, value]) => Reflect.set(object, name, value)))
  )
}
