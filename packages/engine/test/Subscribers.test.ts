import { assert, describe, it } from "@effect/vitest"
import { commit, event, events, one, startOwned } from "@fermata/testing/backend/Fixtures"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Cause, Effect, Exit, Fiber, Latch, Layer, Stream } from "effect"
import { sha256Hex } from "../src/Digest.ts"
import { Events } from "../src/Events.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { define, giveWay } from "./support/Program.ts"
import { counting, watcher } from "./support/Watcher.ts"

const Go = Signal.make("go")
const W = define("W")
const work = Step.make("work", { onCrash: "rerun", run: () => Effect.void })
const serving = W.toLayer(() => Effect.andThen(work(), Effect.andThen(Signal.receive(Go), Effect.as(work(), "done"))))

/** Subscribes, and hands out the names of what was heard, or what is said of it. */
const hear = (
  service: Events["Service"],
  pattern: string,
  say: (event: { readonly id: string; readonly name: string }) => string = ({ name }) => name
) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const fiber = yield* Effect.forkChild(
      Stream.runForEach(service.subscribe(pattern), (event) => Effect.sync(() => void heard.push(say(event)))),
      { startImmediately: true }
    )
    return { heard, fiber }
  })

describe("Events.subscribe", () => {
  it.effect("N-25, S4: every change of status and progress is pushed, whichever process makes it, at its first look 100 ms later", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const context = yield* Layer.build(
        Layer.mergeAll(serving, Runs.layer, Events.layer).pipe(
          Layer.provideMerge(TestHost.layerOf(MemoryBackend.make(store)))
        )
      )
      const worker = Effect.provide(context)
      const settled = worker(Effect.flatMap(TestHost, (host) => host.settled))
      const { events, host } = yield* watcher(MemoryBackend.make(store))
      const { heard } = yield* hear(events, "**")
      const own = yield* worker(Effect.flatMap(Events, (service) => hear(service, "**")))
      const pushed = Effect.gen(function*() {
        yield* settled
        yield* host.settled
        assert.isEmpty(heard)
        yield* host.adjustHost(100)
        return heard.splice(0)
      })
      const runId = yield* worker(W.execute({ id: "1" }, { discard: true }))
      assert.deepStrictEqual(yield* pushed, [
        "engine.run.requested",
        "engine.run.started",
        "engine.step.requested",
        "engine.step.completed",
        "engine.run.waiting"
      ])
      yield* worker(Runs.use((runs) => runs.pause(runId, { by: "ada" })))
      assert.deepStrictEqual(yield* pushed, ["engine.run.paused"])
      yield* worker(Runs.use((runs) => runs.resume(runId, { by: "ada" })))
      assert.deepStrictEqual(yield* pushed, ["engine.run.resumed", "engine.run.waiting"])
      yield* worker(Events.use((events) => events.emit("order.placed", { n: 1 })))
      assert.deepStrictEqual(yield* pushed, ["order.placed"])
      yield* worker(Signal.send(Go, { runId, payload: undefined }))
      assert.deepStrictEqual(yield* pushed, ["engine.step.requested", "engine.step.completed", "engine.run.completed"])
      // Who is in the process that makes them hears the same, and waits for no look.
      assert.lengthOf(own.heard, 12)
    }).pipe(Effect.scoped))

  it.effect("a thousand subscribers that hear nothing cost as many looks as one, and what is committed is read once for all", () =>
    Effect.gen(function*() {
      const large = `"${"x".repeat(100)}"`
      const blobs = { payload: yield* sha256Hex(large) }
      const requested = `{"at":1,"_tag":"RunRequested","workflow":"purchase","version":"1","payload":"","blobs":${
        JSON.stringify(blobs)
      }}`
      const looks = Effect.fnUntraced(function*(subscribers: number) {
        const store = MemoryBackend.makeStore()
        const writer = MemoryBackend.make(store)
        const { asked, backend } = counting(MemoryBackend.make(store))
        const { events: service, host } = yield* watcher(backend)
        const all: Array<ReadonlyArray<string>> = []
        for (let n = 0; n < subscribers; n++) {
          all.push((yield* hear(service, n % 2 === 0 ? "order.*" : "**", ({ id }) => id)).heard)
        }
        yield* host.settled
        const idle = yield* Effect.gen(function*() {
          asked.length = 0
          for (let look = 0; look < 20; look++) yield* host.adjustHost(100)
          return asked.length
        })
        asked.length = 0
        yield* writer.write([
          startOwned("r", { rows: [requested], blobs: [{ hash: yield* sha256Hex(large), data: large }] }),
          events(event("x", "order.placed"))
        ])
        yield* host.adjustHost(100)
        for (const [n, heard] of all.entries()) assert.deepStrictEqual(heard, n % 2 === 0 ? ["x"] : ["r:0", "x"])
        return { idle, busy: asked.map((one) => one.split(" ")[0]) }
      })
      const few = yield* looks(2)
      assert.deepStrictEqual(few, { idle: 22, busy: ["version", "changes", "blob"] })
      assert.deepStrictEqual(yield* looks(1_000), few)
    }).pipe(Effect.scoped))

  it.effect("who subscribes to what is published reads nothing of what runs did while it was quiet", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const writer = MemoryBackend.make(store)
      const { backend, of } = counting(MemoryBackend.make(store))
      const { events: service, host } = yield* watcher(backend)
      const { heard } = yield* hear(service, "order.*", ({ id }) => id)
      yield* one(writer, startOwned("r"))
      for (let length = 0; length < 5_000; length++) yield* one(writer, commit("r", length, ["x"]))
      yield* host.adjustHost(100)
      const before = of("changes")
      yield* one(writer, events(event("x", "order.placed"), event("y", "other"), event("z", "order.closed")))
      yield* host.adjustHost(100)
      assert.deepStrictEqual(heard, ["x", "z"])
      assert.strictEqual(of("changes"), before + 1)
    }))

  it.effect("S6: a subscriber that stands still keeps nobody from hearing, and hears all of it later", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const writer = MemoryBackend.make(store)
      const { events: service, host } = yield* watcher(MemoryBackend.make(store))
      const gate = yield* Latch.make(false)
      const slow: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(
          service.subscribe("*"),
          ({ id }) => Effect.andThen(gate.await, Effect.sync(() => slow.push(id)))
        ),
        { startImmediately: true }
      )
      const quick = yield* hear(service, "*", ({ id }) => id)
      const ids = Array.from({ length: 4_000 }, (_, n) => `${n}`)
      for (let from = 0; from < ids.length; from += 200) {
        yield* one(writer, events(...ids.slice(from, from + 200).map((id) => event(id, "a"))))
        yield* host.adjustHost(100)
      }
      assert.deepStrictEqual(quick.heard, ids)
      assert.isEmpty(slow)
      yield* gate.open
      yield* giveWay(6_000)
      assert.deepStrictEqual(slow, ids)
    }))

  it.effect("an entry that cannot be read tells nothing, and what comes behind it is told", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const writer = MemoryBackend.make(store)
      const { events: service, host } = yield* watcher(MemoryBackend.make(store))
      const { heard } = yield* hear(service, "**")
      const requested = `{"at":1,"_tag":"RunRequested","workflow":"purchase","version":"1","payload":null}`
      yield* one(writer, startOwned("r", { rows: [requested, "{", `{"at":2,"_tag":"RunStarted"}`] }))
      yield* one(writer, events(event("x", "order.placed")))
      yield* host.adjustHost(100)
      assert.deepStrictEqual(heard, ["engine.run.requested", "engine.run.started", "order.placed"])
    }))

  it.effect("is interrupted when the engine closes", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(serving)
      const service = yield* host.use(Effect.provide(Events, Events.layer))
      const heard: Array<string> = []
      const fiber = yield* Effect.forkDetach(
        Stream.runForEach(service.subscribe("**"), ({ name }) => Effect.sync(() => void heard.push(name)))
      )
      yield* giveWay(10)
      yield* host.use(W.execute({ id: "1" }, { discard: true }))
      yield* host.use(service.emit("order.placed", null))
      yield* host.settled
      yield* host.close
      yield* Effect.raceFirst(Fiber.await(fiber), giveWay())
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.includeMembers(heard, ["engine.run.waiting", "order.placed"])
    }))
})
