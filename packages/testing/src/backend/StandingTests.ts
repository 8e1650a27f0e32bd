/** Conformance: rules that people let stand by an answer. */
import { assert } from "@effect/vitest"
import type { AnswerOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { answer, approval, commit, end, one, startOwned, type Test } from "./Fixtures.ts"

const rule = (id: string, rest: Partial<NonNullable<AnswerOp["standing"]>> = {}) => ({
  id,
  agent: "coder",
  workspace: "/w",
  rule: `Bash(${id})`,
  by: "ann",
  runId: "r",
  key: "k",
  ...rest
})

const asking = [startOwned("r"), commit("r", 0, ["e0"], { approvalsOpened: [approval("r", "k"), approval("r", "k2")] })]

/** Tests of rules that stand. */
export const standingTests = (test: Test): void => {
  test(
    "a rule stands with the answer that lets it, from the time of the transaction on, and outlives its run",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write(asking)
        yield* one(backend, answer("r", "k", "a", 0, { now: () => 1_700, standing: rule("ls") }))
        assert.deepStrictEqual(yield* other.standing({}), [{ ...rule("ls"), at: 1_700 }])
        yield* one(backend, end("r", 1, "done", { consumed: ["a"] }))
        assert.deepStrictEqual(yield* other.standing({}), [{ ...rule("ls"), at: 1_700 }])
      })
  )

  test("an answer that is not taken lets no rule stand", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(asking)
      yield* one(backend, answer("r", "k", "a", 1, { standing: rule("ls") }))
      yield* one(backend, answer("r", "k", "a", 0, { before: 1_600, standing: rule("ls") }))
      yield* one(backend, answer("r", "none", "a", 0, { standing: rule("ls") }))
      assert.isEmpty(yield* backend.standing({}))
    }))

  test("rules are listed by agent and workspace, the oldest first; one that stands already stays as it is", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(asking)
      yield* one(backend, answer("r", "k", "a", 0, { status: "open", standing: rule("z") }))
      yield* one(backend, answer("r", "k", "b", 1, { status: "open", standing: rule("a", { workspace: "" }) }))
      yield* one(backend, answer("r", "k", "c", 2, { status: "open", standing: rule("m", { agent: "other" }) }))
      yield* one(backend, answer("r", "k2", "d", 0, { now: () => 1_900, standing: rule("z", { by: "bob" }) }))
      const ids = (filter: Parameters<typeof backend.standing>[0]) =>
        Effect.map(backend.standing(filter), (rows) => rows.map(({ by, id }) => `${id} of ${by}`))
      assert.deepStrictEqual(yield* ids({}), ["z of ann", "a of ann", "m of ann"])
      assert.deepStrictEqual(yield* ids({ agent: "coder" }), ["z of ann", "a of ann"])
      assert.deepStrictEqual(yield* ids({ workspace: "/w" }), ["z of ann", "m of ann"])
      assert.deepStrictEqual(yield* ids({ agent: "coder", workspace: "" }), ["a of ann"])
    }))

  test("a rule is taken back once, and may stand again", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(asking)
      yield* one(backend, answer("r", "k", "a", 0, { standing: rule("ls") }))
      assert.deepStrictEqual(yield* one(backend, { op: "revoke", id: "else" }), { revoked: false })
      assert.deepStrictEqual(yield* one(backend, { op: "revoke", id: "ls" }), { revoked: true })
      assert.deepStrictEqual(yield* one(backend, { op: "revoke", id: "ls" }), { revoked: false })
      assert.isEmpty(yield* backend.standing({}))
      yield* one(backend, answer("r", "k2", "b", 0, { now: () => 1_900, standing: rule("ls") }))
      assert.deepStrictEqual((yield* backend.standing({})).map(({ at }) => at), [1_900])
    }))
}
