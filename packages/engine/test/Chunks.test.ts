import { assert, describe, it } from "@effect/vitest"
import * as Position from "@fermata/core/Position"
import { StoredJson } from "@fermata/core/StoredJson"
import * as ChunksConformance from "@fermata/testing/ChunksConformance"
import { Effect, Fiber, Latch, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { StorageFailed } from "../src/Backend.ts"
import { type Chunk, type ChunkBackend, type ChunkRow, Chunks, type WriterOptions } from "../src/Chunks.ts"

ChunksConformance.suite(
  "memory",
  Effect.sync(() => {
    const backend = Chunks.makeMemory()
    return { connect: Effect.succeed(backend) }
  })
)

/** A store that can be slow, or fail before or after it has stored. */
const fragile = () => {
  const backend = Chunks.makeMemory()
  const open = Latch.makeUnsafe(true)
  const world = { fails: "never" as "never" | "before" | "after", rows: [] as Array<ChunkRow>, asked: 0, open }
  const failed = new StorageFailed({ operation: "store", problem: "the disk is gone" })
  const append: ChunkBackend["append"] = (row) =>
    Effect.gen(function*() {
      world.asked++
      yield* open.await
      if (world.fails === "before") return yield* failed
      const answer = yield* backend.append(row)
      if (answer.stored) world.rows.push(row)
      return world.fails === "after" ? yield* failed : answer
    })
  return { ...world, world, backend: { ...backend, append } }
}

/** What was logged as a warning. */
const warnings = () => {
  const warned: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") warned.push(String(Array.isArray(message) ? message[0] : message))
  })
  return { warned, quietly: Effect.provide(Logger.layer([logger])) }
}

const show = (chunks: ReadonlyArray<Chunk>) =>
  chunks.map(({ cut, position, value }) => `${Position.print(position)} ${cut ?? JSON.stringify(value)}`)

const writing = <A>(
  chunks: Chunks["Service"],
  options: WriterOptions,
  use: (write: (chunk: unknown) => Effect.Effect<void>) => Effect.Effect<A, StorageFailed>
) =>
  Effect.scoped(
    Effect.flatMap(chunks.writer("r", 1, options), ({ write }) => use((chunk) => write(chunk as string)))
  )

const text = (bytes: number) => "x".repeat(bytes - 2)

describe("what a step says", () => {
  it.effect("is shown at once in its process, and stored together 100 ms later", () => {
    const { backend, world } = fragile()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      const first = yield* Effect.forkScoped(Stream.runCollect(Stream.take(chunks.follow("r"), 2)))
      yield* TestClock.adjust("1 millis")
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          yield* write("a")
          yield* write({ b: 1 })
          assert.deepStrictEqual(show(yield* Fiber.join(first)), ["1.0 \"a\"", "1.1 {\"b\":1}"])
          assert.deepStrictEqual(show(yield* chunks.read("r")), ["1.0 \"a\"", "1.1 {\"b\":1}"])
          assert.isEmpty(world.rows)
          yield* TestClock.adjust("99 millis")
          assert.isEmpty(world.rows)
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(world.rows.map(({ chunks }) => chunks), ["\"a\"\n{\"b\":1}"])
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(world.asked, 1)
          yield* write("c")
          yield* TestClock.adjust("100 millis")
          yield* write("d")
        }))
      assert.deepStrictEqual(world.rows.map(({ chunks }) => chunks), ["\"a\"\n{\"b\":1}", "\"c\"", "\"d\""])
    })
  })

  it.effect("may be JSON text that is there already, on several lines too", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks.make(Chunks.makeMemory())
      yield* chunks.append("r", 1, [new StoredJson("{\n \"a\": \"\\n\"\n}"), new StoredJson("[1]"), null])
      assert.deepStrictEqual((yield* chunks.read("r")).map(({ value }) => value), [{ a: "\n" }, [1], null])
    }))

  it.effect("leaves a word in the place of a chunk that is too large or no JSON, and goes on", () => {
    const { backend, world } = fragile()
    const { quietly, warned } = warnings()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      yield* writing(chunks, { maxRowBytes: 100 }, (write) =>
        Effect.gen(function*() {
          yield* write(text(100))
          yield* write(text(101))
          yield* write("ü".repeat(50))
          yield* write({ at: NaN })
          yield* write("goes on")
        }))
      assert.deepStrictEqual(show(yield* chunks.read("r")).slice(1), [
        "1.1 chunk",
        "1.2 chunk",
        "1.3 chunk",
        "1.4 \"goes on\""
      ])
      assert.isAtMost(Math.max(...world.rows.map((row) => row.chunks.length)), 100 + 4)
      assert.deepStrictEqual(warned, [
        "a chunk of step 1 of run r is left out: at \"at\" it has the number NaN; give a finite number or null, or use the schema Schema.Number"
      ])
    }).pipe(quietly)
  })

  it.effect("is cut off where it is more than is kept, and the step goes on", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks.make(Chunks.makeMemory())
      const done = yield* writing(chunks, { maxStreamBytes: 30 }, (write) =>
        Effect.as(Effect.forEach(["a", "b", text(20), text(20), "c"], write), "done"))
      assert.strictEqual(done, "done")
      assert.deepStrictEqual(show(yield* chunks.read("r")), [
        "1.0 \"a\"",
        "1.1 \"b\"",
        `1.2 "${text(20)}"`,
        "1.3 stream"
      ])
    }))

  it.effect("ends also where all of it is missing", () => {
    const { quietly } = warnings()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(Chunks.makeMemory())
      yield* writing(chunks, { maxStreamBytes: 64 }, (write) => Effect.forEach([1, 2, 3, 4, 5, 6], () => write(NaN)))
      assert.deepStrictEqual((yield* chunks.read("r")).map(({ cut }) => cut), [
        "chunk",
        "chunk",
        "chunk",
        "chunk",
        "stream"
      ])
    }).pipe(quietly)
  })

  it.effect("has at most so many bytes in a row, and so many rows at its end as it takes", () => {
    const { backend, world } = fragile()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      yield* writing(
        chunks,
        { maxRowBytes: 50 },
        (write) => Effect.forEach(Array.from({ length: 7 }, () => text(20)), write)
      )
      assert.deepStrictEqual(world.rows.map(({ count }) => count), [2, 2, 2, 1])
    })
  })
})

describe("a store that is slow or fails", () => {
  it.effect("a slow one delays the body only when as much waits as may, and its end for a second", () => {
    const { backend, open, world } = fragile()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      open.closeUnsafe()
      const said: Array<number> = []
      const body = yield* Effect.forkScoped(
        writing(chunks, { maxWaitingBytes: 100 }, (write) =>
          Effect.forEach([1, 2, 3, 4, 5, 6], (n) =>
            Effect.andThen(
              write(text(20)),
              Effect.sync(() => said.push(n))
            )))
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(said, [1, 2, 3, 4, 5])
      open.openUnsafe()
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(said, [1, 2, 3, 4, 5, 6])
      yield* Fiber.join(body)
      assert.deepStrictEqual(world.rows.map(({ count }) => count), [5, 1])

      open.closeUnsafe()
      const last = yield* Effect.forkScoped(Effect.scoped(
        Effect.flatMap(chunks.writer("s", 2), ({ write }) => write("late"))
      ))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(last.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(last.pollUnsafe())
      open.openUnsafe()
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(show(yield* chunks.read("s")), ["2.0 \"late\""])
    })
  })

  it.effect("one that fails is logged once and fails no step; what it could not store is stored when it can again", () => {
    const { backend, world } = fragile()
    const { quietly, warned } = warnings()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          world.fails = "before"
          for (let n = 0; n < 5; n++) {
            yield* write(n)
            yield* TestClock.adjust("100 millis")
          }
          assert.strictEqual(world.asked, 5)
          world.fails = "never"
          yield* TestClock.adjust("100 millis")
          yield* write(5)
        }))
      assert.deepStrictEqual(show(yield* chunks.read("r")), [0, 1, 2, 3, 4, 5].map((n) => `1.${n} ${n}`))
      assert.deepStrictEqual(warned, ["what step 1 of run r says could not be stored"])
    }).pipe(quietly)
  })

  it.effect("one that fails for too long ends the stream with a word behind its first part, and delays no body", () => {
    const { backend, world } = fragile()
    const { quietly, warned } = warnings()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      yield* writing(chunks, { maxWaitingBytes: 60 }, (write) =>
        Effect.gen(function*() {
          yield* write("first")
          yield* TestClock.adjust("100 millis")
          world.fails = "before"
          const body = yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4, 5], () => write(text(20))))
          yield* TestClock.adjust("100 millis")
          assert.isDefined(body.pollUnsafe())
          assert.deepStrictEqual(show(yield* chunks.read("r")).at(-1), "1.4 store")
          world.fails = "never"
          yield* TestClock.adjust("100 millis")
          yield* write("not taken")
        }))
      assert.deepStrictEqual(show(yield* chunks.read("r")).map((line) => line.slice(0, 7)), [
        "1.0 \"fi",
        "1.1 \"xx",
        "1.2 \"xx",
        "1.3 \"xx",
        "1.4 sto"
      ])
      assert.lengthOf(warned, 1)
    }).pipe(quietly)
  })

  it.effect("one that stores and cannot say so leads to nothing twice", () => {
    const { backend, world } = fragile()
    const { quietly } = warnings()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          world.fails = "after"
          yield* write("a")
          yield* TestClock.adjust("100 millis")
          yield* write("b")
          yield* TestClock.adjust("100 millis")
          world.fails = "never"
          yield* write("c")
        }))
      assert.deepStrictEqual(show(yield* chunks.read("r")), ["1.0 \"a\"", "1.1 \"b\"", "1.2 \"c\""])
    }).pipe(quietly)
  })

  it.effect("one that fails at the end of a step loses what waits, and the step has its result", () => {
    const { backend, world } = fragile()
    const { quietly, warned } = warnings()
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(backend)
      yield* writing(chunks, {}, (write) => {
        world.fails = "before"
        return write("lost")
      })
      assert.isEmpty(yield* chunks.read("r"))
      assert.lengthOf(warned, 1)
    }).pipe(quietly)
  })
})

describe("readers", () => {
  it.effect("a follower that is slower than the store sees all of it", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks.make(Chunks.makeMemory())
      const seen = yield* Effect.forkScoped(Stream.runCollect(Stream.take(
        Stream.tap(chunks.follow("r"), () => Effect.sleep("1 second")),
        20
      )))
      yield* TestClock.adjust("1 millis")
      yield* writing(chunks, {}, (write) =>
        Effect.forEach(
          Array.from({ length: 20 }, (_, n) => n),
          (n) => Effect.andThen(write(n), TestClock.adjust("60 millis"))
        ))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        (yield* Fiber.join(seen)).map(({ value }) => value),
        Array.from({ length: 20 }, (_, n) => n)
      )
    }))

  it.effect("what is stored, or said, while a reader looks into the store is missed by none", () =>
    Effect.gen(function*() {
      const backend = Chunks.makeMemory()
      const gate = Latch.makeUnsafe(false)
      const entries = (run: string) => Effect.tap(backend.entries(run), gate.await)
      // Nobody else's, so that no look for others mends what is missed.
      const slow = { ...backend, entries, supports: { shared: false } }
      const chunks = yield* Chunks.make(slow)
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          yield* write("a")
          const reader = yield* Effect.forkScoped(chunks.read("r"))
          const follower = yield* Effect.forkScoped(Stream.runCollect(Stream.take(chunks.follow("r"), 2)))
          yield* TestClock.adjust("1 millis")
          // Stored behind their look, so that they have seen it only where it waited.
          yield* TestClock.adjust("100 millis")
          yield* write("b")
          gate.openUnsafe()
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(show(yield* Fiber.join(reader)), ["1.0 \"a\""])
          assert.deepStrictEqual(show(yield* Fiber.join(follower)), ["1.0 \"a\"", "1.1 \"b\""])
        }).pipe(Effect.scoped))
    }))

  it.effect("what waits is shown behind all that is stored, also where that is more than is read at a time", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks.make(Chunks.makeMemory())
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          for (let n = 0; n < 70; n++) yield* Effect.andThen(write(n), TestClock.adjust("100 millis"))
          yield* write(70)
          const numbers = Array.from({ length: 71 }, (_, n) => n)
          assert.deepStrictEqual((yield* chunks.read("r")).map(({ value }) => value), numbers)
          const followed = yield* Stream.runCollect(Stream.take(chunks.follow("r"), 71))
          assert.deepStrictEqual(followed.map(({ value }) => value), numbers)
        }))
    }))

  it.effect("what this process appends is seen at once, also in a store that no other shares", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks.make({ ...Chunks.makeMemory(), supports: { shared: false } })
      const reader = yield* Effect.forkScoped(Stream.runCollect(Stream.take(chunks.follow("r"), 2)))
      yield* TestClock.adjust("1 millis")
      yield* chunks.append("r", 1, ["a", "b"])
      assert.deepStrictEqual(show(yield* Fiber.join(reader)), ["1.0 \"a\"", "1.1 \"b\""])
    }))

  it.effect("what was dropped before it was stored is not stored", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks.make(Chunks.makeMemory())
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          yield* write("a")
          yield* chunks.drop("r", 1)
          assert.isEmpty(yield* chunks.read("r"))
          yield* TestClock.adjust("1 second")
        }))
      assert.isEmpty(yield* chunks.read("r"))
      assert.isEmpty(chunks.written)
    }))

  it.effect("what is stored and cannot be read is a word in its place", () =>
    Effect.gen(function*() {
      const backend = Chunks.makeMemory()
      const chunks = yield* Chunks.make(backend)
      yield* backend.append({ run: "r", entry: 1, first: 0, count: 4, chunks: "{\"a\n!newer\n!stream\n1" })
      assert.deepStrictEqual(show(yield* chunks.read("r")), ["1.0 unreadable", "1.1 unreadable", "1.2 stream", "1.3 1"])
    }))

  it.effect("what was dropped is shown no more, and its writer says nothing more", () =>
    Effect.gen(function*() {
      const backend = Chunks.makeMemory()
      const chunks = yield* Chunks.make(backend)
      yield* chunks.append("r", 2, ["other"])
      yield* writing(chunks, {}, (write) =>
        Effect.gen(function*() {
          yield* write("a")
          yield* TestClock.adjust("100 millis")
          yield* write("b")
          yield* chunks.drop("r", 1)
          yield* write("c")
          yield* TestClock.adjust("100 millis")
          assert.deepStrictEqual(show(yield* chunks.read("r")), ["2.0 \"other\""])
          assert.isTrue(chunks.written.has("r"))
        }))
      yield* chunks.drop("r")
      assert.isEmpty(yield* backend.entries("r"))
      assert.isFalse(chunks.written.has("r"))
    }))

  it.effect("the store is looked at for others while somebody follows, and not else", () => {
    const backend = Chunks.makeMemory()
    let looks = 0
    const counted = { ...backend, changes: (after: number) => Effect.suspend(() => (looks++, backend.changes(after))) }
    return Effect.gen(function*() {
      const chunks = yield* Chunks.make(counted)
      const others = yield* Chunks.make(backend)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(looks, 0)
      const followers = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.forkScoped(Stream.runCollect(Stream.take(chunks.follow("r"), 1)))
      )
      yield* TestClock.adjust("1 second")
      assert.isAtMost(looks, 13)
      yield* others.append("r", 1, ["there"])
      yield* TestClock.adjust("100 millis")
      for (const follower of followers) assert.deepStrictEqual(show(yield* Fiber.join(follower)), ["1.0 \"there\""])
      const before = looks
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(looks, before)
    })
  })
})
