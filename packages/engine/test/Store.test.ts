import { assert, describe, it } from "@effect/vitest"
import { type JournalEntry, Upcast } from "@fermata/core"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Logger, Schema } from "effect"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Store from "../src/Store.ts"
import { assertOutput, begin, Declined, define, echo, Log } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })
const W = define("W")
const quiet = Effect.provide(Logger.layer([]))

const waiting = (log: Log) =>
  W.toLayer(Effect.fnUntraced(function*({ id }) {
    yield* echo(log)(id)
    return yield* Signal.receive(Go)
  }))

describe("stored journals", () => {
  for (
    const [what, damage] of [
      ["is not JSON", () => "{"],
      ["is of an unknown kind", (row: string) => row.replace("StepCompleted", "StepCompletedd")],
      ["misses a field", (row: string) => row.replace(/"key":"echo",?/, "")],
      ["is at another place", (row: string) => row.replace("{", "{\"seq\":7,")],
      ["was written by a newer build", (row: string) => row.replace("{", "{\"v\":99,")]
    ] as const
  ) {
    it.effect(`S14: a run with an entry that ${what} is suspended as corrupt, and others go on`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const first = yield* world.start(waiting(log))
        const bad = yield* begin(first, W, "bad")
        const good = yield* begin(first, W, "good")
        const entries = world.store.runs.get(bad)!.entries
        const place = entries.findIndex((row) => row.includes("StepCompleted"))
        const row = entries[place]!
        entries[place] = damage(row)
        assert.notStrictEqual(entries[place], row)
        const stored = yield* world.rows(bad)
        const second = yield* world.restart(first, waiting(log))
        assert.include(yield* world.run(bad), { status: "suspended", reason: "corrupt", owner: null })
        assert.include((yield* world.waits(bad))[0], { reason: "corrupt", key: `entry ${place}` })
        yield* world.tell(bad, "signal", { name: "go", payload: "late" })
        yield* world.tell(good, "signal", { name: "go", payload: "done" })
        yield* assertOutput(second, W, good, "done")
        assert.deepStrictEqual(yield* world.rows(bad), stored)
        assert.deepStrictEqual(log.entries, ["echo bad", "echo good"])
        entries[place] = row
        const third = yield* world.restart(second, waiting(log))
        yield* world.tell(bad, "resume", { by: "ada" })
        yield* third.settled
        yield* assertOutput(third, W, bad, "late")
      }).pipe(quiet))
  }

  for (
    const [what, damage] of [
      ["is gone", undefined],
      ["is not JSON", "{"],
      ["is other JSON than was stored", "\"another value\""]
    ] as const
  ) {
    it.effect(`S14: a run whose blob ${what} is suspended as corrupt, and others go on`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const layer = W.toLayer(({ id }) =>
          Effect.andThen(large(id === "bad" ? "a".repeat(100_000) : id), Signal.receive(Go))
        )
        const first = yield* world.start(layer)
        const bad = yield* begin(first, W, "bad")
        const good = yield* begin(first, W, "good")
        const { blobs } = world.store
        for (const hash of Array.from(blobs.keys())) {
          if (damage === undefined) blobs.delete(hash)
          else blobs.set(hash, damage)
        }
        const second = yield* world.restart(first, layer)
        assert.include(yield* world.run(bad), { status: "suspended", reason: "corrupt" })
        assert.include((yield* world.waits(bad))[0]?.detail, "blob")
        yield* world.tell(good, "signal", { name: "go", payload: "done" })
        yield* assertOutput(second, W, good, "done")
        assert.strictEqual((yield* world.run(good)).epoch, 2, "it was taken up once, and never dropped")
      }).pipe(quiet))
  }
})

const large = Step.make("large", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "rerun",
  run: Effect.succeed
})

/** What is stored of these entries; none of them is so large that it takes an effect. */
const stored = (...entries: ReadonlyArray<JournalEntry.JournalEntry>) => {
  const encoded = Store.encodeEntries(entries)
  assert.isFalse(Effect.isEffect(encoded))
  return encoded as Exclude<typeof encoded, Effect.Effect<unknown>>
}

describe("a stored entry", () => {
  const completed = (output: unknown, more: object = {}): JournalEntry.EntryOf<"StepCompleted"> => ({
    seq: 3,
    at: 7,
    epoch: 1,
    _tag: "StepCompleted",
    key: "a",
    attempt: 1,
    output,
    ...more
  })

  it("S14: is read back as it was, at every place, in every epoch, and whatever goes without saying", () => {
    const place = [0, 1, 2].flatMap((seq) => [0, 1, 2].map((epoch) => ({ seq, at: 7, epoch })))
    const bodies: ReadonlyArray<JournalEntry.EntryBody> = [
      { _tag: "RunRequested", workflow: "w", version: "1", payload: null },
      ...[1, 2].flatMap((attempt): ReadonlyArray<JournalEntry.EntryBody> => [
        { _tag: "StepRequested", key: "a", name: "a", attempt, onCrash: "rerun" },
        { _tag: "StepRequested", key: "a", name: "b", attempt, onCrash: "rerun" },
        { _tag: "StepCompleted", key: "a", attempt, output: { a: 1 } }
      ])
    ]
    for (const body of bodies) {
      for (const at of place) {
        const entry = { ...at, ...body } as JournalEntry.JournalEntry
        const { rows: [row = ""] } = stored(entry)
        const read = Upcast.read("r", at.seq, row)
        assert.deepStrictEqual<unknown>(read, Exit.succeed(entry), row)
      }
    }
  })

  it("leaves out what goes without saying", () => {
    assert.deepStrictEqual(stored(completed(1)).rows, [
      "{\"at\":7,\"_tag\":\"StepCompleted\",\"key\":\"a\",\"output\":1}"
    ])
    assert.deepStrictEqual(stored(completed(1, { epoch: 2, attempt: 2 })).rows, [
      "{\"at\":7,\"epoch\":2,\"_tag\":\"StepCompleted\",\"key\":\"a\",\"attempt\":2,\"output\":1}"
    ])
  })

  it("has its values in blobs from one character over 64 KiB of JSON on", () => {
    const text = "x".repeat(64 * 1024 - 2)
    assert.deepStrictEqual(stored(completed(text)).blobs, [])
    assert.deepStrictEqual(stored(completed({ a: text.slice(6) })).blobs, [])
    assert.deepStrictEqual(stored(completed(`${text}x`)).blobs.map(({ data }) => data), [`"${text}x"`])
  })
})

describe("large values", () => {
  it.effect("of more than 64 KiB are stored once, apart from the journal, and come back as they were", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const text = `€${"x".repeat(70_000)}"\n`
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const first = yield* large(text)
        const second = yield* large(first)
        const signal = yield* Signal.receive(Go)
        return first === text && second === text && signal === text ? text : "other"
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", { name: "go", payload: text })
      yield* assertOutput(second, W, id, text)
      assert.strictEqual(world.store.blobs.size, 1)
      for (const row of yield* world.rows(id)) assert.isBelow(row.length, 1_000)
      assert.isTrue((yield* world.journal(id)).some((entry) => entry._tag === "StepCompleted" && entry.output === text))
    }))

  it.effect("a large payload starts a run, and a large error ends one", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const text = "y".repeat(200_000)
      const layer = W.toLayer(({ id }) => Effect.andThen(Signal.receive(Go), Effect.fail(new Declined({ reason: id }))))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W, text)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", { name: "go", payload: "" })
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.include(JSON.stringify((yield* world.journal(id)).at(-1)), text)
      for (const row of yield* world.rows(id)) assert.isBelow(row.length, 1_000)
    }))
})
