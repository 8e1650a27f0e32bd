/** Conformance: how far readers of changes have come whom all processes are together. */
import { assert } from "@effect/vitest"
import type { BookmarkOp, HeartbeatOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { one, type Test } from "./Fixtures.ts"

const take = (holder: string, now: number, until: number, move?: BookmarkOp["move"]): BookmarkOp => ({
  op: "bookmark",
  name: "traces",
  holder,
  now,
  until,
  ...(move === undefined ? {} : { move })
})

const lives = (id: string, expiresAt = 1_000): HeartbeatOp => ({
  op: "heartbeat",
  owner: { id, expiresAt, worker: true, info: "{}" }
})

/** Tests of bookmarks. */
export const bookmarkTests = (test: Test): void => {
  test(
    "a bookmark is held by one at a time, until its time has come, and moves for its holder alone",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([lives("a"), lives("b")])
        assert.deepStrictEqual(yield* one(backend, take("a", 0, 100)), { held: true, position: null, until: 100 })
        assert.deepStrictEqual(yield* one(other, take("b", 50, 200, { from: null, to: "p0" })), {
          held: false,
          position: null,
          until: 100
        })
        assert.deepStrictEqual(yield* one(backend, take("a", 60, 160, { from: null, to: "p1" })), {
          held: true,
          position: "p1",
          until: 160
        })
        assert.deepStrictEqual(yield* one(other, take("b", 160, 300)), { held: true, position: "p1", until: 300 })
        assert.deepStrictEqual(yield* one(backend, take("a", 170, 400, { from: "p1", to: "p2" })), {
          held: false,
          position: "p1",
          until: 300
        })
      })
  )

  test("a bookmark is free once its holder is gone", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([lives("a", 50), take("a", 0, 1_000, { from: null, to: "p1" })])
      assert.include(yield* one(backend, take("b", 60, 1_000)), { held: false })
      yield* backend.write([{ op: "reap", now: 60 }])
      assert.deepStrictEqual(yield* one(backend, take("b", 60, 1_000)), { held: true, position: "p1", until: 1_000 })
    }))

  test("a bookmark that is elsewhere than its holder thinks stays there", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([take("a", 0, 100, { from: null, to: "p1" })])
      assert.deepStrictEqual(yield* one(backend, take("a", 10, 100, { from: null, to: "p2" })), {
        held: true,
        position: "p1",
        until: 100
      })
      assert.deepStrictEqual(yield* one(backend, { ...take("b", 0, 100), name: "others" }), {
        held: true,
        position: null,
        until: 100
      })
    }))
}
