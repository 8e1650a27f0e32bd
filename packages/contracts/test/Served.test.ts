/** Which runs of contracts a process takes up, and which it leaves to others. */
import { assert, describe, it } from "@effect/vitest"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger } from "effect"
import { Contracts, type Unserved } from "../src/Contracts.ts"
import { Llm } from "../src/Llm.ts"
import { TaskRuntime } from "../src/TaskRuntime.ts"
import { document, serving, step } from "./support/Agency.ts"

const quiet = Effect.provide(Logger.layer([]))

/** Handlers that note which of them worked, on which host. */
const knowing = (names: ReadonlyArray<string>, done: Array<string> = [], host = "here") =>
  TaskRuntime.layerHandlers(
    Object.fromEntries(names.map((name) => [name, () => Effect.sync(() => void done.push(`${name} ${host}`))]))
  )

const printing = document([step("task", "print", null, { task: "print" })], { id: "printing" })
const plain = document([step("transform", "keep", null, { set: { kept: true } })], { id: "plain" })

/** Starts a run of a contract on this host, and waits until all of the world is at rest. */
const start = (host: CrashHost.Host, world: CrashHost.World, contract: string | object) =>
  Effect.tap(
    host.use(Effect.flatMap(Contracts, (contracts) =>
      Effect.map(contracts.start({ contract }), ({ runId }) =>
        runId)) as Effect.Effect<string, unknown>),
    () =>
      world.look
  )

const statusOf = (world: CrashHost.World, id: string) => Effect.map(world.run(id), ({ status }) => status)

describe("a process without the handlers of a contract", () => {
  it.effect("S10: leaves its runs to one that has them, whoever starts them, and works on all others", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const done: Array<string> = []
      const without = yield* world.start(serving({ tasks: knowing(["other"], done, "without") }))
      const waits = yield* start(without, world, printing)
      assert.include(yield* world.run(waits), { status: "queued", owner: null, dueAt: 0, epoch: 0 })
      assert.strictEqual(yield* statusOf(world, yield* start(without, world, plain)), "completed")
      const having = yield* world.start(serving({ tasks: knowing(["print"], done, "having") }))
      yield* world.look
      assert.strictEqual(yield* statusOf(world, waits), "completed")
      for (const host of [without, having]) {
        assert.strictEqual(yield* statusOf(world, yield* start(host, world, "printing")), "completed")
      }
      assert.deepStrictEqual(done, ["print having", "print having", "print having"])
    }))

  it.effect("S10: meets a contract that another process has added, hands its run back, and takes up no further one", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const without = yield* world.start(serving())
      const client = yield* world.start(serving({ tasks: knowing(["print"]) }), { worker: false, maxAwake: 0 })
      const id = yield* start(client, world, printing)
      assert.include(yield* world.run(id), { status: "queued", owner: null, dueAt: 0, epoch: 1 })
      assert.deepStrictEqual((yield* world.journal(id)).map(({ _tag }) => _tag), ["RunRequested"])
      const second = yield* start(client, world, "printing")
      assert.include(yield* world.run(second), { status: "queued", epoch: 0 })
      for (let time = 0; time < 20; time++) yield* world.look
      assert.include(yield* world.run(id), { epoch: 1 })
      assert.strictEqual(yield* without.awake, 0)
    }))

  it.effect("S10: does not run hot on hundreds of due runs that it leaves alone, and none of them holds up another", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const without = yield* world.start(serving(), { maxAwake: 10 })
      for (let run = 0; run < 250; run++) yield* start(without, world, printing)
      const writes = without.writes()
      for (let time = 0; time < 10; time++) yield* world.look
      assert.isAtMost(without.writes() - writes, 10, "one claim for each look")
      assert.strictEqual(yield* statusOf(world, yield* start(without, world, plain)), "completed")
    }))

  it.effect("C-37: without a model in it leaves contracts with llm steps alone; without a model anywhere they come to these steps", () =>
    Effect.gen(function*() {
      const asking = document([step("llm", "ask", null, { prompt: "?" })], { id: "asking" })
      const world = yield* CrashHost.make
      const without = yield* world.start(serving({ llm: Llm.layerElsewhere }))
      const id = yield* start(without, world, asking)
      assert.strictEqual(yield* statusOf(world, id), "queued")
      yield* world.start(serving({ rules: [{ when: "?", reply: "!" }] }))
      assert.strictEqual(yield* statusOf(world, id), "completed")
      const bare = yield* CrashHost.make
      assert.strictEqual(yield* statusOf(bare, yield* start(yield* bare.start(serving()), bare, asking)), "failed")
    }).pipe(quiet))

  it.effect("S10: leaves contracts alone that its build cannot read, and says which", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      yield* world.backend.write([
        {
          op: "define",
          row: {
            name: "newer",
            version: "1.0.0",
            kind: "contract",
            hash: "h",
            schemas: "{}",
            document: "{\"schemaVersion\":\"v9\"}",
            at: 0
          }
        },
        ...["h", "nowhere"].map((definition) => ({
          op: "start" as const,
          run: {
            id: definition,
            workflow: "newer",
            version: "1.0.0",
            kind: "contract" as const,
            definition,
            root: definition,
            parent: null,
            status: "queued",
            owner: null,
            dueAt: 0,
            createdAt: 0
          },
          rows: [],
          blobs: [],
          subscriptions: [],
          listener: null
        }))
      ])
      const host = yield* world.start(serving())
      yield* start(host, world, printing)
      for (let time = 0; time < 5; time++) yield* world.look
      for (const id of ["h", "nowhere"]) {
        const { epoch, ...row } = yield* world.run(id)
        assert.include(row, { status: "queued", owner: null, dueAt: 0 })
        assert.isAtMost(epoch, 1)
      }
      const unserved = yield* host.use(
        Effect.flatMap(Contracts, ({ unserved }) => unserved) as Effect.Effect<ReadonlyArray<Unserved>, unknown>
      )
      const named = (id: string) => ({ id, version: "1.0.0" })
      assert.deepStrictEqual(unserved.map(({ id, lacks, version }) => ({ id, version, lacks })), [
        { ...named("printing"), lacks: ["no handler for the task \"print\""] },
        { ...named("newer"), lacks: ["a document that this build cannot read"] }
      ])
    }).pipe(quiet))

  it.effect("S14: a run of a contract that names no document is corrupt, and is not taken up again and again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(serving({ tasks: knowing(["other"]) }))
      const id = yield* start(host, world, printing)
      world.store.runs.set(id, { ...world.store.runs.get(id)!, row: { ...(yield* world.run(id)), definition: null } })
      yield* world.look
      assert.include(yield* world.run(id), {
        status: "suspended",
        reason: "corrupt",
        owner: null,
        dueAt: null,
        epoch: 1
      })
    }).pipe(quiet))

  it.effect("S3: hands events on that start and reach runs which it leaves alone", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const done: Array<string> = []
      const triggered = document([
        step("task", "first", "hold", { task: "print" }),
        step("wait", "hold", "second", { event: "go" }),
        step("task", "second", null, { task: "print" })
      ], { id: "triggered", triggers: [{ type: "event", event: "order.placed" }] })
      const without = yield* world.start(serving())
      const emit = (name: string) =>
        Effect.andThen(
          without.use(Effect.flatMap(Events, (events) => events.emit(name, {})) as Effect.Effect<string, unknown>),
          world.look
        )
      yield* without.use(
        Effect.flatMap(Contracts, (contracts) => contracts.add(triggered)) as Effect.Effect<unknown, unknown>
      )
      yield* emit("order.placed")
      const [row] = yield* world.backend.runs({ limit: 10 })
      assert.include(row, { workflow: "triggered", status: "queued", epoch: 0 })
      const having = yield* world.start(serving({ tasks: knowing(["print"], done) }))
      assert.include(yield* world.run(row!.id), { status: "suspended", reason: "signal" })
      yield* having.evict
      yield* having.settled
      yield* having.close
      yield* emit("go")
      assert.include(yield* world.run(row!.id), { status: "suspended", owner: null, dueAt: 0 })
      assert.lengthOf(yield* world.inbox(row!.id), 1)
      yield* world.start(serving({ tasks: knowing(["print"], done) }))
      assert.strictEqual(yield* statusOf(world, row!.id), "completed")
      assert.lengthOf(done, 2)
    }))

  it.effect("S8: takes such a run up even if unserved when it is told to, as to cancel it, and begins nothing of it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(serving())
      const id = yield* start(host, world, printing)
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
      assert.strictEqual(yield* statusOf(world, id), "queued")
      yield* host.use(Effect.flatMap(Engine, ({ adopt }) => adopt(id, { evenIfUnserved: true })))
      yield* world.look
      assert.strictEqual(yield* statusOf(world, id), "cancelled")
      assert.deepStrictEqual(yield* world.story(id), [
        "RunRequested",
        "StepRequested print",
        "StopRequested",
        "RunCancelled"
      ])
    }))

  it.effect("S4: keeps a run that it has in memory when it knows a task no more, and takes it up when it knows it again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let tasks: ReadonlyArray<string> = ["print"]
      const runtime = Layer.succeed(TaskRuntime, {
        get tasks() {
          return tasks
        },
        submit: () => Effect.succeed({ _tag: "Done" as const, output: null })
      })
      const host = yield* world.start(serving({ tasks: runtime }))
      const holding = document([
        step("wait", "hold", "print", { event: "go" }),
        step("task", "print", null, { task: "print" })
      ], { id: "holding" })
      const emit = Effect.andThen(
        host.use(Effect.flatMap(Events, (events) => events.emit("go", {})) as Effect.Effect<string, unknown>),
        world.look
      )
      const id = yield* start(host, world, holding)
      tasks = []
      yield* emit
      assert.strictEqual(yield* statusOf(world, id), "completed")
      const later = yield* start(host, world, "holding")
      yield* emit
      assert.strictEqual(yield* statusOf(world, later), "queued")
      tasks = ["print"]
      yield* host.use(Effect.flatMap(Engine, ({ announce }) => announce))
      yield* world.look
      assert.strictEqual(yield* statusOf(world, later), "completed")
    }))

  it.effect("tells others what it serves", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(serving({ tasks: knowing(["print"]), llm: Llm.layerElsewhere }), {
        info: { pid: 7 }
      })
      yield* host.use(Effect.flatMap(Engine, ({ announce }) => announce))
      const owners = yield* host.use(
        Effect.flatMap(Runs, (runs) => runs.owners) as Effect.Effect<ReadonlyArray<object>, unknown>
      )
      assert.deepInclude(owners[0], {
        info: { pid: 7, leaseMs: 10_000 },
        serves: { programs: [], offers: { tasks: ["print"], model: false, services: [] } }
      })
    }))
})
