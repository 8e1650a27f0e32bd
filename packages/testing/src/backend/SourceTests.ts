/** Conformance: what comes in from outside, once for each key, and the sources that it comes from. */
import { assert } from "@effect/vitest"
import type { Backend, IngestOp, OutboxRow, SourceOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { act, impossible, one, outboxRow, type Test } from "./Fixtures.ts"

/** Something that came in. */
export const ingest = (row: Partial<IngestOp["row"]>, outbox: ReadonlyArray<OutboxRow> = []): IngestOp => ({
  op: "ingest",
  row: {
    sensor: "mail",
    dedupe: "k",
    eventId: null,
    ref: null,
    payload: "{}",
    outcome: "{}",
    refused: null,
    at: 1_000,
    ...row
  },
  outbox
})

const source = (name: string, change: SourceOp["change"], at = 1_000): SourceOp => ({
  op: "source",
  name,
  change,
  by: "ann",
  at
})

/** The keys of what is kept, the newest first. */
const kept = (backend: Backend, filter: Partial<Parameters<Backend["sensors"]>[0]> = {}) =>
  Effect.map(backend.sensors({ limit: 100, ...filter }), (rows) => rows.map(({ dedupe }) => dedupe))

const outbox = (backend: Backend) => Effect.map(backend.outbox(100, true), (rows) => rows.map(({ id }) => id))

/** What comes in, and sources. */
export const sourceTests = (test: Test): void => {
  test("what comes in is kept with the messages of what it comes to, all of it as it came", (backend) =>
    Effect.gen(function*() {
      const row = {
        sensor: "acme~mail",
        dedupe: "mail:1",
        eventId: "1",
        ref: "mail://box/1",
        payload: "{\"a\":1}",
        outcome: "{\"event\":1}",
        refused: null,
        at: 1_500
      }
      const answer = yield* one(backend, ingest(row, [outboxRow("m0"), outboxRow("m1")]))
      assert.strictEqual(answer.result, "accepted")
      assert.deepInclude(answer.row, row)
      assert.deepStrictEqual(yield* backend.sensor("acme", "mail:1"), answer.row)
      assert.deepStrictEqual(yield* backend.sensors({ limit: 1 }), [answer.row])
      assert.deepStrictEqual(yield* outbox(backend), ["m0", "m1"])
    }))

  test("what comes in again under its key does nothing, and is answered with the first", (backend) =>
    Effect.gen(function*() {
      const first = yield* one(backend, ingest({ payload: "1" }, [outboxRow("m0")]))
      const again = yield* one(backend, ingest({ sensor: "chat", payload: "2", at: 2_000 }, [outboxRow("m1")]))
      assert.deepStrictEqual(again, { result: "duplicate", row: first.row })
      assert.deepStrictEqual(yield* outbox(backend), ["m0"])
      assert.lengthOf(yield* backend.sensors({ limit: 100 }), 1)
    }))

  test("of several connections that take one key, one wins", (backend, connect) =>
    Effect.gen(function*() {
      const others = [backend, yield* connect, yield* connect]
      const answers = yield* Effect.forEach(
        others,
        (connection, index) => one(connection, ingest({ payload: String(index) }, [outboxRow(`m${index}`)])),
        { concurrency: "unbounded" }
      )
      const won = answers.flatMap(({ result }, index) => result === "accepted" ? [index] : [])
      assert.lengthOf(won, 1)
      assert.deepStrictEqual(yield* outbox(backend), [`m${won[0]}`])
      for (const { row } of answers) assert.strictEqual(row.payload, String(won[0]))
    }))

  test("a key is of one tenant, or of whoever is of none", (backend) =>
    Effect.gen(function*() {
      for (const sensor of ["mail", "acme~mail", "beta~mail"]) {
        assert.strictEqual((yield* one(backend, ingest({ sensor }))).result, "accepted")
        assert.strictEqual((yield* one(backend, ingest({ sensor }))).result, "duplicate")
      }
      assert.strictEqual((yield* backend.sensor("acme", "k"))?.sensor, "acme~mail")
      assert.strictEqual((yield* backend.sensor(undefined, "k"))?.sensor, "mail")
      assert.isNull(yield* backend.sensor("gamma", "k"))
    }))

  test("a refusal takes the place of the one before it, and stands in the way of nothing", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, ingest({ refused: "first" }))
      yield* one(backend, ingest({ dedupe: "else" }))
      yield* one(backend, ingest({ refused: "second", at: 2_000 }))
      assert.isNull(yield* backend.sensor(undefined, "k"))
      assert.strictEqual((yield* one(backend, ingest({}, [outboxRow("m0")]))).result, "accepted")
      const rows = yield* backend.sensors({ limit: 100 })
      assert.deepStrictEqual(rows.map(({ dedupe, refused }) => [dedupe, refused]), [
        ["k", null],
        ["k", "second"],
        ["else", null]
      ])
    }))

  test("what came in is read newest first, by sensor, by tenant, and page by page", (backend) =>
    Effect.gen(function*() {
      for (
        const [dedupe, sensor] of [["a", "mail"], ["b", "acme~mail"], ["c", "mail"], ["d", "acme~chat"], ["e", "mail"]]
      ) {
        yield* one(backend, ingest({ dedupe: dedupe!, sensor: sensor! }))
      }
      assert.deepStrictEqual(yield* kept(backend), ["e", "d", "c", "b", "a"])
      assert.deepStrictEqual(yield* kept(backend, { sensor: "mail" }), ["e", "c", "a"])
      assert.deepStrictEqual(yield* kept(backend, { tenant: "acme" }), ["d", "b"])
      assert.deepStrictEqual(yield* kept(backend, { tenant: "acme", sensor: "acme~mail" }), ["b"])
      assert.deepStrictEqual(yield* kept(backend, { tenant: "acme", sensor: "mail" }), [])
      const [, second] = yield* backend.sensors({ limit: 2 })
      assert.deepStrictEqual(yield* kept(backend, { before: second!.position, limit: 2 }), ["c", "b"])
      assert.deepStrictEqual(yield* kept(backend, { limit: 0 }), [])
    }))

  test("what is old enough is dropped, the oldest first and so much at a time, and its key is free again", (backend) =>
    Effect.gen(function*() {
      assert.isNull(yield* backend.oldestSensor)
      for (let n = 0; n < 4; n++) yield* one(backend, ingest({ dedupe: `k${n}`, at: 1_000 + n }))
      assert.strictEqual(yield* backend.oldestSensor, 1_000)
      assert.deepStrictEqual(yield* one(backend, { op: "sweepSensors", until: 999, limit: 10 }), { dropped: 0 })
      assert.deepStrictEqual(yield* one(backend, { op: "sweepSensors", until: 1_002, limit: 2 }), { dropped: 2 })
      assert.deepStrictEqual(yield* kept(backend), ["k3", "k2"])
      assert.deepStrictEqual(yield* one(backend, { op: "sweepSensors", until: 1_002, limit: 2 }), { dropped: 1 })
      assert.strictEqual((yield* one(backend, ingest({ dedupe: "k0", at: 3_000 }))).result, "accepted")
      assert.deepStrictEqual(yield* kept(backend), ["k0", "k3"])
    }))

  test("no position is given twice, also where the newest was dropped", (backend) =>
    Effect.gen(function*() {
      const first = yield* one(backend, ingest({}))
      yield* one(backend, { op: "sweepSensors", until: 1_000, limit: 1 })
      const second = yield* one(backend, ingest({}))
      assert.isTrue(second.row.position > first.row.position)
    }))

  test("a transaction that fails takes nothing in", (backend) =>
    Effect.gen(function*() {
      yield* Effect.flip(backend.write([ingest({}, [outboxRow("m0")]), source("s", { declaration: "{}" }), impossible]))
      assert.deepStrictEqual(yield* kept(backend), [])
      assert.deepStrictEqual(yield* outbox(backend), [])
      assert.isEmpty(yield* backend.sources())
    }))

  test("a source is declared, declared anew, paused, let go on and forgotten", (backend) =>
    Effect.gen(function*() {
      const declared = { name: "git", declaration: "{\"v\":1}", paused: false, note: null, by: "ann", at: 1_000 }
      assert.deepStrictEqual(yield* one(backend, source("git", { declaration: "{\"v\":1}" })), {
        before: null,
        after: declared
      })
      const paused = { ...declared, paused: true, note: "moving", at: 2_000 }
      assert.deepStrictEqual(yield* one(backend, source("git", { paused: true, note: "moving" }, 2_000)), {
        before: declared,
        after: paused
      })
      const anew = { ...paused, declaration: "{\"v\":2}", at: 3_000 }
      assert.deepStrictEqual((yield* one(backend, source("git", { declaration: "{\"v\":2}" }, 3_000))).after, anew)
      const on = { ...anew, paused: false, note: null, at: 4_000 }
      assert.deepStrictEqual((yield* one(backend, source("git", { paused: false, note: null }, 4_000))).after, on)
      assert.deepStrictEqual(yield* backend.source("git"), on)
      assert.deepStrictEqual(yield* one(backend, source("git", null)), { before: on, after: null })
      assert.isNull(yield* backend.source("git"))
    }))

  test("nothing is paused that is not there, and nothing forgotten", (backend) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* one(backend, source("git", { paused: true, note: null })), {
        before: null,
        after: null
      })
      assert.deepStrictEqual(yield* one(backend, source("git", null)), { before: null, after: null })
      assert.isEmpty(yield* backend.sources())
    }))

  test("sources are read by name, and those of one tenant alone", (backend) =>
    Effect.gen(function*() {
      for (const name of ["z", "acme~b", "acme-corp~a", "acme~a", "a"]) {
        yield* one(backend, source(name, { declaration: "{}" }))
      }
      const names = (tenant?: string) => Effect.map(backend.sources(tenant), (rows) => rows.map(({ name }) => name))
      assert.deepStrictEqual(yield* names(), ["a", "acme-corp~a", "acme~a", "acme~b", "z"])
      assert.deepStrictEqual(yield* names("acme"), ["acme~a", "acme~b"])
    }))

  test("what is done to sources on somebody's behalf is in the audit, and what did nothing is not", (backend) =>
    Effect.gen(function*() {
      const by = act("git")
      yield* one(backend, { ...source("git", { paused: true, note: null }), act: by })
      yield* one(backend, { ...source("git", null), act: by })
      assert.isEmpty(yield* backend.auditChain(0, 10))
      yield* one(backend, { ...source("git", { declaration: "{}" }), act: by })
      yield* one(backend, { ...ingest({}), act: by })
      yield* one(backend, { ...ingest({}), act: by })
      yield* one(backend, { ...source("git", null), act: by })
      assert.lengthOf(yield* backend.auditChain(0, 10), 3)
    }))
}
