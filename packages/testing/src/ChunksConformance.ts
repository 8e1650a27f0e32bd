/**
 * What every store of chunks must do, as one suite of tests.
 *
 * A store proves itself with one call in a test file:
 * `ChunksConformance.suite("sqlite", makeStore)`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Position from "@fermata/core/Position"
import { type Chunk, type ChunkBackend, type ChunkRow, Chunks } from "@fermata/engine/Chunks"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

/** An empty store of its own for each test; `connect` may be called more than once, as by several processes. */
export type MakeStore = Effect.Effect<
  { readonly connect: Effect.Effect<ChunkBackend, unknown, Scope.Scope> },
  unknown,
  Scope.Scope
>

/** Registers the suite under `name`. `make` gives each test an empty store. */
export const suite = (name: string, make: MakeStore): void => {
  const test = (
    title: string,
    body: (
      backend: ChunkBackend,
      connect: Effect.Effect<ChunkBackend, unknown, Scope.Scope>
    ) => Effect.Effect<unknown, unknown, Scope.Scope>
  ) =>
    it.effect(title, () =>
      Effect.gen(function*() {
        const { connect } = yield* make
        yield* body(yield* connect, connect)
      }))

  describe(`${name} chunks: the store`, () => {
    test("a stream has its rows in their order, and those from the one that holds a chunk on", (backend) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* backend.append(row("r", 4, 0, 3)), { stored: true, next: 3 })
        assert.deepStrictEqual(yield* backend.append(row("r", 4, 3, 1)), { stored: true, next: 4 })
        assert.deepStrictEqual(yield* backend.append(row("r", 4, 4, 12)), { stored: true, next: 16 })
        const all = [row("r", 4, 0, 3), row("r", 4, 3, 1), row("r", 4, 4, 12)]
        for (const [from, first] of [[0, 0], [1, 0], [2, 0], [3, 1], [4, 2], [15, 2], [16, 3]] as const) {
          assert.deepStrictEqual(yield* backend.rows("r", 4, from, 10), all.slice(first), `from ${from}`)
        }
        assert.deepStrictEqual(yield* backend.rows("r", 4, 1, 2), all.slice(0, 2))
        assert.deepStrictEqual(yield* backend.rows("r", 3, 0, 10), [])
        assert.deepStrictEqual(yield* backend.rows("s", 4, 0, 10), [])
      }))

    test("a row whose first chunk is not the next of its stream changes nothing", (backend) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* backend.append(row("r", 4, 1, 1)), { stored: false, next: 0 })
        yield* backend.append(row("r", 4, 0, 3))
        for (const first of [0, 1, 2, 4]) {
          assert.deepStrictEqual(yield* backend.append(row("r", 4, first, 3)), { stored: false, next: 3 })
        }
        assert.deepStrictEqual(yield* backend.rows("r", 4, 0, 10), [row("r", 4, 0, 3)])
        yield* backend.append(row("r", 5, 0, 1))
        yield* backend.append(row("s", 4, 0, 1))
        assert.deepStrictEqual(yield* backend.append(row("r", 4, 3, 1)), { stored: true, next: 4 })
      }))

    test(
      "of two connections that append the same at once one is refused",
      (backend, connect) =>
        Effect.gen(function*() {
          const other = yield* connect
          for (let first = 0; first < 20; first += 2) {
            const answers = yield* Effect.all([
              backend.append(row("r", 1, first, 2)),
              other.append(row("r", 1, first, 2))
            ], { concurrency: 2 })
            assert.sameMembers(answers.map(({ stored }) => stored), [true, false])
            assert.deepStrictEqual(answers.map(({ next }) => next), [first + 2, first + 2])
          }
          assert.strictEqual((yield* other.rows("r", 1, 0, 100)).length, 10)
        })
    )

    test("tells the streams of a run and the runs that have some, in order", (backend) =>
      Effect.gen(function*() {
        for (const entry of [12, 3, 100]) yield* backend.append(row("b", entry, 0, 1))
        yield* backend.append(row("b", 3, 1, 1))
        for (const run of ["c", "a", "d"]) yield* backend.append(row(run, 7, 0, 1))
        assert.deepStrictEqual(yield* backend.entries("b"), [3, 12, 100])
        assert.deepStrictEqual(yield* backend.entries("z"), [])
        assert.deepStrictEqual(yield* backend.runs("", 10), ["a", "b", "c", "d"])
        assert.deepStrictEqual(yield* backend.runs("", 2), ["a", "b"])
        assert.deepStrictEqual(yield* backend.runs("b", 2), ["c", "d"])
        assert.deepStrictEqual(yield* backend.runs("d", 2), [])
      }))

    test("drops one stream, or all of a run, and takes nothing more for what it has dropped", (backend) =>
      Effect.gen(function*() {
        for (const [run, entry] of [["r", 3], ["r", 5], ["r", 7], ["s", 3]] as const) {
          yield* backend.append(row(run, entry, 0, 2))
        }
        yield* backend.drop("r", 5)
        assert.deepStrictEqual(yield* backend.entries("r"), [3, 7])
        assert.deepStrictEqual(yield* backend.append(row("r", 5, 2, 1)), { stored: false, next: 0 })
        yield* backend.drop("r", null)
        assert.deepStrictEqual(yield* backend.entries("r"), [])
        assert.deepStrictEqual(yield* backend.runs("", 10), ["s"])
        yield* backend.drop("r", null)
        yield* backend.drop("nobody", 1)
      }))

    test(
      "tells which runs have got rows since a mark, whoever wrote and dropped them",
      (backend, connect) =>
        Effect.gen(function*() {
          const other = yield* connect
          yield* backend.append(row("old", 1, 0, 1))
          const start = yield* backend.changes(Infinity)
          assert.deepStrictEqual(start.runs, [])
          assert.deepStrictEqual((yield* backend.changes(start.at)).runs, [])
          yield* other.append(row("r", 1, 0, 1))
          yield* other.append(row("r", 1, 1, 1))
          yield* other.append(row("s", 1, 0, 1))
          const changed = yield* backend.changes(start.at)
          assert.sameMembers([...changed.runs], ["r", "s"])
          assert.deepStrictEqual((yield* backend.changes(changed.at)).runs, [])
          yield* other.drop("s", null)
          yield* other.drop("r", null)
          yield* other.append(row("t", 1, 0, 1))
          const after = yield* backend.changes(changed.at)
          assert.deepStrictEqual(after.runs, ["t"])
          yield* other.drop("t", null)
          yield* other.append(row("t", 2, 0, 1))
          assert.deepStrictEqual((yield* backend.changes(after.at)).runs, ["t"])
        })
    )

    test("gives back every text as it was", (backend) =>
      Effect.gen(function*() {
        const chunks = ["\"Schöne Grüße 🎼\"", "\"\\u0000 \\ud83c\"", "null", "!stream"].join("\n")
        yield* backend.append({ run: "r' \" 🎼", entry: 1, first: 0, count: 4, chunks })
        assert.strictEqual((yield* backend.rows("r' \" 🎼", 1, 0, 1))[0]?.chunks, chunks)
        assert.deepStrictEqual(yield* backend.runs("", 1), ["r' \" 🎼"])
      }))
  })

  describe(`${name} chunks: readers`, () => {
    test("a reader from any place sees each chunk behind it once and in order, over two tries of a step", (backend) =>
      Effect.gen(function*() {
        const chunks = yield* Chunks.make(backend)
        yield* say(chunks, "r", 4, 7)
        yield* say(chunks, "r", 9, 5)
        const all = [...places(4, 7), ...places(9, 5)]
        assert.deepStrictEqual(placesOf(yield* chunks.read("r")), all)
        for (const [index, text] of all.entries()) {
          const [seq, chunk] = text.split(".").map(Number) as [number, number]
          assert.deepStrictEqual(placesOf(yield* chunks.read("r", { seq, chunk })), all.slice(index + 1), text)
        }
        assert.deepStrictEqual(placesOf(yield* chunks.read("r", { seq: 4 })), all)
        assert.deepStrictEqual(placesOf(yield* chunks.read("r", { seq: 9 })), places(9, 5))
        assert.deepStrictEqual(placesOf(yield* chunks.read("r", { seq: 10 })), [])
      }))

    test(
      "a reader that goes on after a restart of the process sees what it has not seen",
      (_, connect) =>
        Effect.gen(function*() {
          const seen = yield* Effect.scoped(Effect.gen(function*() {
            const chunks = yield* Chunks.make(yield* connect)
            yield* say(chunks, "r", 4, 6)
            return yield* Stream.runCollect(Stream.take(chunks.follow("r"), 4))
          }))
          const chunks = yield* Chunks.make(yield* connect)
          const rest = yield* chunks.read("r", seen.at(-1)!.position)
          assert.deepStrictEqual(placesOf([...seen, ...rest]), places(4, 6))
        })
    )

    test(
      "followers in every process see each chunk once and in order, while steps speak side by side",
      (_, connect) =>
        Effect.gen(function*() {
          const here = yield* Chunks.make(yield* connect)
          const there = yield* Chunks.make(yield* connect)
          const followed = yield* Effect.forEach(
            [here, there],
            (chunks) => Effect.forkScoped(Stream.runCollect(Stream.take(chunks.follow("r"), 90)))
          )
          yield* TestClock.adjust("10 millis")
          yield* Effect.scoped(Effect.gen(function*() {
            const writers = yield* Effect.forEach([4, 5, 6], (entry) => here.writer("r", entry))
            for (let n = 0; n < 30; n++) {
              for (const writer of writers) yield* writer.write(n)
              yield* TestClock.adjust("17 millis")
            }
          }))
          yield* TestClock.adjust("1 second")
          for (const fiber of followed) {
            const seen = placesOf(yield* Fiber.join(fiber))
            for (const entry of [4, 5, 6]) {
              assert.deepStrictEqual(seen.filter((place) => place.startsWith(`${entry}.`)), places(entry, 30))
            }
          }
        })
    )

    test("a reader of steps that speak side by side goes on from its places in each", (backend) =>
      Effect.gen(function*() {
        const chunks = yield* Chunks.make(backend)
        yield* say(chunks, "r", 6, 3)
        let cursor = Position.start
        for (const { position } of yield* chunks.read("r")) cursor = Position.advance(cursor, position)
        // A step that was requested before speaks for the first time.
        yield* say(chunks, "r", 5, 2)
        yield* say(chunks, "r", 6, 2)
        assert.deepStrictEqual(placesOf(yield* chunks.read("r", cursor)), ["5.0", "5.1", "6.3", "6.4"])
      }))

    test("1,000 deltas in 400 ms are at most 5 rows", (backend) =>
      Effect.gen(function*() {
        const chunks = yield* Chunks.make(backend)
        yield* Effect.scoped(Effect.gen(function*() {
          const writer = yield* chunks.writer("r", 1)
          for (let n = 0; n < 1_000; n++) {
            yield* writer.write({ delta: `word ${n}` })
            if (n % 10 === 9) yield* TestClock.adjust("4 millis")
          }
        }))
        const rows = yield* backend.rows("r", 1, 0, 100)
        assert.isAtMost(rows.length, 5)
        assert.isAtLeast(rows.length, 4)
        const read = yield* chunks.read("r")
        assert.deepStrictEqual(placesOf(read), places(1, 1_000))
        assert.deepStrictEqual(read.at(-1)?.value, { delta: "word 999" })
      }))

    test("more rows than are read at a time come whole", (backend) =>
      Effect.gen(function*() {
        const chunks = yield* Chunks.make(backend)
        for (let n = 0; n < 150; n++) yield* say(chunks, "r", 3, 2)
        yield* say(chunks, "r", 4, 1)
        assert.deepStrictEqual(placesOf(yield* chunks.read("r")), [...places(3, 300), "4.0"])
        const followed = yield* Stream.runCollect(Stream.take(chunks.follow("r", { seq: 3, chunk: 9 }), 291))
        assert.sameMembers(placesOf(followed), [...places(3, 300).slice(10), "4.0"])
      }))
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const row = (run: string, entry: number, first: number, count: number): ChunkRow => ({
  run,
  entry,
  first,
  count,
  chunks: Array.from({ length: count }, (_, index) => `{"n":${first + index}}`).join("\n")
})

const say = (chunks: Chunks["Service"], run: string, entry: number, count: number) =>
  chunks.append(run, entry, ["word", ...Array.from({ length: count - 1 }, (_, n) => n)])

const placesOf = (chunks: ReadonlyArray<Chunk>) => chunks.map(({ position }) => Position.print(position))

const places = (entry: number, count: number) => Array.from({ length: count }, (_, n) => `${entry}.${n}`)
