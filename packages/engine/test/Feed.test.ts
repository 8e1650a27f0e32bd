import { assert, describe, it } from "@effect/vitest"
import { brief, commit, end, one, startOwned, suspend } from "@fermata/testing/backend/Fixtures"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Fiber, Latch, Layer, Stream } from "effect"
import type { Backend } from "../src/Backend.ts"
import type { Changes } from "../src/ChangeLog.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Signal from "../src/Signal.ts"
import { define } from "./support/Program.ts"
import { counting, watcher } from "./support/Watcher.ts"

const Go = Signal.make("go")
const W = define("W")

/** Follows, and hands out what was heard. */
const hear = (stream: Stream.Stream<Changes, unknown>) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const sizes: Array<number> = []
    const fiber = yield* Effect.forkChild(
      Stream.runForEach(stream, ({ reset, rows }) =>
        Effect.sync(() => {
          sizes.push(rows.length)
          heard.push(...reset === true ? ["reset"] : rows.map(brief))
        })),
      { startImmediately: true }
    )
    return { heard, sizes, fiber }
  })

const all = (backend: Backend) => Effect.map(backend.changes(null, Infinity), ({ rows }) => rows.map(brief))

describe("Feed", () => {
  it.effect("tells what other processes commit once the store is seen to have changed, in order and from now on", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const other = MemoryBackend.make(store)
      yield* other.write([startOwned("r", { rows: ["0"] })])
      const { feed, host } = yield* watcher(MemoryBackend.make(store))
      const { heard } = yield* hear(feed.follow())
      yield* host.settled
      assert.deepStrictEqual(heard, [])
      yield* other.write([startOwned("s", { rows: ["0"] }), commit("r", 1, ["1"]), suspend("s", 1, null)])
      yield* host.adjustHost(100)
      assert.deepStrictEqual(heard, ["s 0: 0", "r 1: 1", "s suspended signal []"])
    }))

  it.effect("S4: followers that go from process to process by position hear each change once", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const writer = MemoryBackend.make(store)
      const processes = [yield* watcher(MemoryBackend.make(store)), yield* watcher(MemoryBackend.make(store))]
      yield* one(writer, startOwned("r", { rows: ["0"] }))
      let position = yield* processes[0]!.feed.position
      const heard: Array<string> = []
      for (let turn = 1; turn < 60; turn++) {
        const { feed, host } = processes[turn % 2]!
        // Some are there before it is written, and some come later, when more is.
        const follower = yield* Effect.forkChild(
          Stream.runCollect(Stream.take(feed.follow({ after: position }), 1)),
          { startImmediately: true }
        )
        yield* one(writer, commit("r", turn, [`${turn}`]))
        yield* host.adjustHost(100)
        for (const { next, rows } of yield* Fiber.join(follower)) {
          heard.push(...rows.map(brief))
          position = next
        }
      }
      assert.deepStrictEqual(heard, (yield* all(writer)).slice(1))
    }))

  it.effect("S6: one that stands still gets all of it later, up to 500 at a time, and keeps nobody from hearing", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const { asked, backend, of } = counting(MemoryBackend.make(store))
      const { feed, host } = yield* watcher(backend)
      const gate = yield* Latch.make(false)
      const stands = yield* hear(feed.follow().pipe(Stream.tap(() => gate.await)))
      const quick = yield* hear(feed.follow())
      const writer = MemoryBackend.make(store)
      yield* one(writer, startOwned("r"))
      let length = 0
      const write = Effect.gen(function*() {
        for (let last = length + 300; length < last; length++) yield* one(writer, commit("r", length, [`${length}`]))
        yield* host.adjustHost(100)
      })
      for (let turn = 0; turn < 20; turn++) yield* write
      const expected = yield* all(writer)
      assert.strictEqual(expected.length, 6_000)
      assert.deepStrictEqual(quick.heard, expected)
      assert.deepStrictEqual(stands.heard, [])
      // Read once, for both.
      assert.strictEqual(of("changes"), 20)
      asked.length = 0
      yield* gate.open
      yield* host.settled
      assert.deepStrictEqual(stands.heard, expected)
      assert.isAtMost(Math.max(...stands.sizes), 500)
      // The last 2,000 are kept.
      assert.isAtMost(of("changes"), 8)
    }))

  it.effect("one that follows a tree reads nothing of what others did while it was quiet", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const writer = MemoryBackend.make(store)
      yield* writer.write([startOwned("top"), startOwned("else")])
      const { backend, of } = counting(MemoryBackend.make(store))
      const { feed, host } = yield* watcher(backend)
      const { heard } = yield* hear(feed.follow({ root: "top" }))
      yield* host.settled
      for (let length = 0; length < 5_000; length++) yield* one(writer, commit("else", length, ["x"]))
      yield* host.adjustHost(100)
      const before = of("changes")
      yield* one(writer, commit("top", 0, ["0"]))
      yield* one(writer, {
        ...startOwned("child", { rows: ["c"] }),
        run: { ...startOwned("child").run, root: "top", parent: "top" }
      })
      yield* host.adjustHost(100)
      assert.deepStrictEqual(heard, ["top 0: 0", "child 0: c"])
      assert.strictEqual(of("changes"), before + 1)
    }))

  it.effect("tells who comes with a position of another store to begin anew, and goes on from now", () =>
    Effect.gen(function*() {
      const foreign = yield* MemoryBackend.make(MemoryBackend.makeStore()).position
      const store = MemoryBackend.makeStore()
      const writer = MemoryBackend.make(store)
      yield* one(writer, startOwned("r", { rows: ["0"] }))
      const { feed, host } = yield* watcher(MemoryBackend.make(store))
      const { heard } = yield* hear(feed.follow({ after: foreign }))
      yield* host.settled
      assert.deepStrictEqual(heard, ["reset"])
      yield* one(writer, commit("r", 1, ["1"]))
      yield* host.adjustHost(100)
      assert.deepStrictEqual(heard, ["reset", "r 1: 1"])
    }))

  it.effect("goes on when the store can be read again", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const backend = MemoryBackend.make(store)
      let isDown = false
      const { feed, host } = yield* watcher({
        ...backend,
        changes: (after, limit) =>
          Effect.suspend(() => isDown ? Effect.die(new Error("down")) : backend.changes(after, limit))
      })
      const { heard } = yield* hear(feed.follow())
      const writer = MemoryBackend.make(store)
      yield* one(writer, startOwned("r", { rows: ["0"] }))
      isDown = true
      yield* host.adjustHost(100)
      isDown = false
      yield* host.adjustHost(100)
      assert.deepStrictEqual(heard, ["r 0: 0"])
    }))

  it.effect("reads nothing when nobody follows any more", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const { backend, of } = counting(MemoryBackend.make(store))
      const { feed, host } = yield* watcher(backend)
      const writer = MemoryBackend.make(store)
      yield* one(writer, startOwned("r", { rows: ["0"] }))
      const first = yield* hear(feed.follow())
      yield* Fiber.interrupt(first.fiber)
      const before = of("changes")
      yield* one(writer, end("r", 1, "done", { rows: ["1"] }))
      for (let look = 0; look < 30; look++) yield* host.adjustHost(100)
      assert.strictEqual(of("changes"), before)
    }))
})

describe("Runs.follow", () => {
  it.effect("a thousand followers of idle runs cause no reads of their own, and of one that goes on only its own", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const worker = yield* Layer.build(
        Layer.provideMerge(W.toLayer(() => Signal.receive(Go)), TestHost.layerOf(MemoryBackend.make(store)))
      )
      const settled = Effect.flatMap(TestHost, (host) => host.settled)
      const ids = yield* Effect.provide(
        Effect.andThen(
          Effect.forEach(
            Array.from({ length: 1_000 }, (_, index) => `${index}`),
            (id) => W.execute({ id }, { discard: true })
          ),
          (started) => Effect.as(settled, started)
        ),
        worker
      )
      const { asked, backend } = counting(MemoryBackend.make(store))
      const { host, runs } = yield* watcher(backend)
      const told = new Map<string, number>()
      for (const id of ids) {
        yield* Effect.forkChild(
          Stream.runForEach(runs.follow(id), () => Effect.sync(() => told.set(id, (told.get(id) ?? 0) + 1))),
          { startImmediately: true }
        )
      }
      yield* host.settled
      assert.strictEqual(told.size, 1_000)
      asked.length = 0
      for (let look = 0; look < 20; look++) yield* host.adjustHost(100)
      const idle = new Set(asked.map((one) => one.split(" ")[0]))
      assert.deepStrictEqual([...idle].toSorted(), ["changes", "version"])
      assert.strictEqual(asked.length, 22)
      asked.length = 0
      const chosen = ids[500]!
      yield* Effect.provide(Effect.andThen(Signal.send(Go, { runId: chosen, payload: undefined }), settled), worker)
      yield* host.adjustHost(100)
      assert.deepStrictEqual([...told].filter(([, times]) => times > 1).map(([id]) => id), [chosen])
      const others = asked.filter((one) => !/^(version|changes .*)$/.test(one) && !one.endsWith(chosen))
      assert.deepStrictEqual(others, [])
    }).pipe(Effect.scoped))
})
