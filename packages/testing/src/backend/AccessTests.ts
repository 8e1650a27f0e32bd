/** Conformance: tokens by which servers let callers in. */
import { assert } from "@effect/vitest"
import type { IssueOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { one, type Test } from "./Fixtures.ts"

/** Keeps a token of ann's. */
export const issue = (id: string, row: Partial<IssueOp["row"]> = {}): IssueOp => ({
  op: "issue",
  row: {
    id,
    hash: `hash of ${id}`,
    name: "ann",
    scopes: "[\"read\"]",
    groups: "[]",
    by: "root",
    createdAt: 1_000,
    expiresAt: null,
    parent: null,
    tenant: null,
    ...row
  }
})

/** Tests of tokens. */
export const accessTests = (test: Test): void => {
  test("a token is kept as it was given, under an id that no other gets", (backend, connect) =>
    Effect.gen(function*() {
      const other = yield* connect
      const { row } = issue("t1", { groups: "[\"finance\"]", expiresAt: 9_000 })
      assert.deepStrictEqual(yield* one(backend, { op: "issue", row }), { issued: true })
      assert.deepStrictEqual(yield* one(other, issue("t1", { name: "eve" })), { issued: false })
      assert.deepStrictEqual(yield* other.accessToken("t1"), { ...row, usedAt: null })
      assert.isNull(yield* other.accessToken("t2"))
    }))

  test("tokens are listed in order of arrival, page by page, without those of logins", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([issue("z"), issue("a"), issue("login", { parent: "z" }), issue("m")])
      const ids = (limit: number, after?: string) =>
        Effect.map(backend.accessTokens(limit, after), (rows) => rows.map(({ id }) => id))
      assert.deepStrictEqual(yield* ids(10), ["z", "a", "m"])
      assert.deepStrictEqual(yield* ids(2), ["z", "a"])
      assert.deepStrictEqual(yield* ids(2, "a"), ["m"])
      assert.deepStrictEqual(yield* ids(2, "none"), [])
    }))

  test("a token is withdrawn once, and with it whatever logins have made by it", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([issue("t"), issue("other"), issue("login", { parent: "t", expiresAt: 5_000 })])
      assert.deepStrictEqual(yield* one(backend, { op: "withdraw", id: "t" }), { withdrawn: true })
      assert.deepStrictEqual(yield* one(backend, { op: "withdraw", id: "t" }), { withdrawn: false })
      assert.isNull(yield* backend.accessToken("login"))
      assert.deepStrictEqual(yield* one(backend, issue("late", { parent: "t" })), { issued: false })
      assert.isNotNull(yield* backend.accessToken("other"))
    }))

  test("what a login has made goes with the next token, once it counts no more", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([issue("t", { expiresAt: 1_500 }), issue("login", { parent: "t", expiresAt: 2_000 })])
      yield* one(backend, issue("before", { createdAt: 1_999 }))
      assert.isNotNull(yield* backend.accessToken("login"))
      yield* one(backend, issue("behind", { createdAt: 2_000 }))
      assert.isNull(yield* backend.accessToken("login"))
      // A token that stands by itself stays, so that whoever shows it is told that it has run out.
      assert.isNotNull(yield* backend.accessToken("t"))
    }))

  test("a token says when it was last used", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, issue("t"))
      yield* backend.write([{ op: "used", id: "t", at: 3_600 }, { op: "used", id: "none", at: 3_600 }])
      assert.strictEqual((yield* backend.accessToken("t"))?.usedAt, 3_600)
    }))
}
