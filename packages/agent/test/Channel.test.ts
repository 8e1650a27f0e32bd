import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Events } from "@fermata/engine/Events"
import { HostClock } from "@fermata/engine/HostClock"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import * as Agent from "../src/Agent.ts"
import * as Channel from "../src/Channel.ts"
import * as Models from "../src/model/Models.ts"
import * as Scripted from "../src/model/Scripted.ts"

const Helper = Agent.make("helper", { instructions: "You help.", model: "m" })
const Message = Channel.make({
  name: "slack-message",
  parse: Schema.Struct({ text: Schema.String }),
  agent: Helper,
  input: ({ text }) => {
    if (text === "throws") throw new Error("no such text")
    return text
  }
})

/** A model that says what it was asked, and what all of them were asked. */
const world = (backend: ReturnType<typeof MemoryBackend.make>, clock = HostClock.makeManual(), isServed = true) => {
  const asked: Array<string> = []
  const model = Scripted.provider((request) => {
    const text = Scripted.lastText(request)
    asked.push(text)
    return `heard: ${text}`
  }, { name: "m" })
  const served = isServed ? Layer.mergeAll(Helper.layer, Message.layer) : Layer.empty
  const layer = served.pipe(
    Layer.provideMerge(Layer.mergeAll(Models.layer([model]), Chunks.layerMemory, Events.layer, Runs.layer)),
    Layer.provideMerge(TestHost.layerOf(backend, {}, clock))
  )
  return { asked, layer }
}
const fresh = () => MemoryBackend.make(MemoryBackend.makeStore())
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const emit = (payload: Schema.Json, id?: string, name = "slack-message") =>
  Effect.flatMap(Events, (events) => events.emit(name, payload, id === undefined ? {} : { id }))
const runs = Effect.flatMap(Runs, (runs) => Effect.map(runs.list(), (rows) => rows.map(({ status }) => status)))

describe("a channel", () => {
  it.effect("runs its agent with what came in, once for each id", () => {
    const { asked, layer } = world(fresh())
    return Effect.gen(function*() {
      const { output } = yield* Message.run({ text: "hi" })
      assert.strictEqual(output, "heard: hi")
      const first = yield* Message.start({ text: "again" }, { id: "1" })
      const second = yield* Message.start({ text: "again" }, { id: "1" })
      yield* settled
      assert.strictEqual(first, second)
      assert.deepStrictEqual(asked, ["hi", "again"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("refuses what it does not read, and starts nothing", () => {
    const { asked, layer } = world(fresh())
    return Effect.gen(function*() {
      for (
        const [event, problem] of [[{ txt: "hi" }, "text"], [null, ""], [{ text: "throws" }, "no such text"]] as const
      ) {
        const error = yield* Effect.flip(Message.run(event))
        assert.instanceOf(error, Channel.ChannelRefused)
        assert.include(error.message, problem)
      }
      assert.isEmpty(asked)
      assert.isEmpty(yield* runs)
    }).pipe(Effect.provide(layer))
  })

  it.effect("starts a run for each event that is published under its name, in its tenant, and passes over what it cannot read", () => {
    const { asked, layer } = world(fresh())
    return Effect.gen(function*() {
      yield* settled
      yield* emit({ text: "one" }, "1")
      yield* emit({ text: "one" }, "1")
      yield* emit({ wrong: 1 })
      yield* emit({ text: "else" }, undefined, "other-message")
      yield* CurrentTenant.within("acme")(emit({ text: "two" }, "1"))
      yield* settled
      assert.sameMembers(asked, ["one", "two"])
      assert.lengthOf(yield* CurrentTenant.within("acme")(runs), 1)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is read by one process at a time; what is published while nobody serves it is taken up by the next", () =>
    Effect.gen(function*() {
      const backend = fresh()
      const clock = HostClock.makeManual()
      const first = world(backend, clock)
      const second = world(backend, clock)
      yield* Effect.gen(function*() {
        yield* settled
        yield* emit({ text: "one" })
        yield* settled
      }).pipe(Effect.provide(first.layer))
      yield* Effect.provide(Effect.andThen(emit({ text: "two" }), settled), world(backend, clock, false).layer)
      yield* Effect.gen(function*() {
        yield* settled
        yield* emit({ text: "three" })
        yield* settled
      }).pipe(Effect.provide(second.layer))
      assert.deepStrictEqual([first.asked, second.asked], [["one"], ["two", "three"]])
    }))

  it.effect("wherever a process dies, each event is one run", () =>
    Effect.gen(function*() {
      const model = Scripted.provider((request) => `heard: ${Scripted.lastText(request)}`, { name: "m" })
      const report = yield* CrashExplorer.explore({
        workflows: Layer.provide(
          Layer.mergeAll(Helper.layer, Message.layer),
          Layer.mergeAll(Models.layer([model]), Chunks.layerMemory)
        ),
        drive: (host, world) =>
          Effect.gen(function*() {
            yield* host.settled
            for (const id of ["1", "2"]) {
              yield* host.use(Effect.provide(emit({ text: id }, id), Events.layer))
              yield* host.settled
            }
            // Whoever died may have had the bookmark.
            yield* world.adjustHost(25_000)
            yield* host.settled
          })
      })
      assert.isAbove(report.crashes, 10)
    }))

  it("has the name of its events, and no other", () => {
    assert.throws(
      () => Channel.make({ name: "no name", parse: Schema.String, agent: Helper, input: (text) => text }),
      /cannot be named "no name"/
    )
  })
})
