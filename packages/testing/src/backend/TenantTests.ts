/** Conformance: tenants, whose name stands before the ids of what is theirs. */
import { assert } from "@effect/vitest"
import { bulkWorkflow } from "@fermata/core/BulkAct"
import type { Backend, QuotaOp, StartOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { issue } from "./AccessTests.ts"
import {
  act,
  acted,
  approval,
  asked,
  commit,
  end,
  event,
  eventIds,
  events,
  ids,
  one,
  raise,
  start,
  startOwned,
  suspend,
  type Test
} from "./Fixtures.ts"

const quota = (tenant: string, openRuns: number | null, streams: number | null = null): QuotaOp => ({
  op: "quota",
  tenant,
  row: { tenant, openRuns, streams, by: "ops", at: 1_000 }
})

/** A start that has to be within the quota of its tenant. */
const limited = (id: string, run: Partial<StartOp["run"]> = {}): StartOp => start(id, run, { isLimited: true })

const outcome = (backend: Backend, op: StartOp) =>
  Effect.map(one(backend, op), ({ full, started }) => full === undefined ? started : `full at ${full}`)

/** Tests of tenants. */
export const tenantTests = (test: Test): void => {
  test("runs of a tenant are found, listed and counted by it, and those of others and of none are not", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        start("acme~1", { workflow: "a" }),
        startOwned("acme~2"),
        start("acme-2~1"),
        start("beta~1"),
        start("1"),
        start("acme~3", { labels: { team: "x" } }),
        suspend("acme~2", 0, null),
        end("acme~2", 0, "{}", { epoch: 9 })
      ])
      const listed = (filter: object) => Effect.map(backend.runs({ limit: 9, tenant: "acme", ...filter }), ids)
      assert.deepStrictEqual(yield* listed({}), ["acme~3", "acme~2", "acme~1"])
      assert.deepStrictEqual(yield* listed({ limit: 1, before: "acme~3" }), ["acme~2"])
      assert.deepStrictEqual(yield* listed({ status: ["queued"] }), ["acme~3", "acme~1"])
      assert.deepStrictEqual(yield* listed({ reason: ["signal"] }), ["acme~2"])
      assert.deepStrictEqual(yield* listed({ workflow: "a" }), ["acme~1"])
      assert.deepStrictEqual(yield* listed({ labels: { team: "x" } }), ["acme~3"])
      assert.deepStrictEqual(yield* listed({ prefix: "acme~1" }), ["acme~1"])
      assert.deepStrictEqual(yield* listed({ prefix: "beta" }), [])
      assert.deepStrictEqual(yield* listed({ root: "beta~1" }), [])
      assert.strictEqual(yield* backend.runCount({ tenant: "acme" }), 3)
      assert.strictEqual(yield* backend.runCount({ tenant: "none" }), 0)
      yield* one(backend, start("acme~own", { workflow: bulkWorkflow }))
      assert.deepStrictEqual(yield* backend.censusOf("acme"), {
        byStatus: { queued: 2, suspended: 1 },
        byReason: { signal: 1 }
      })
    }))

  test(
    "a tenant has so many open runs as its quota says: of starts that are limited the others are refused",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* one(backend, quota("acme", 2))
        assert.isTrue(yield* outcome(backend, limited("acme~1")))
        assert.isTrue(yield* outcome(other, limited("acme~2", { status: "running", owner: "a", dueAt: null })))
        assert.strictEqual(yield* outcome(other, limited("acme~3")), "full at 2")
        assert.isNull(yield* backend.run("acme~3"))
        // What is there is joined, another tenant has its own, and who is not limited is counted alone.
        assert.isFalse(yield* outcome(backend, limited("acme~1")))
        assert.isTrue(yield* outcome(backend, limited("beta~1")))
        assert.isTrue(yield* outcome(backend, limited("1")))
        assert.isTrue(yield* outcome(backend, start("acme~4")))
        yield* one(backend, end("acme~2", 0, "{}"))
        assert.strictEqual(yield* outcome(backend, limited("acme~3")), "full at 2")
        yield* one(backend, quota("acme", 3))
        assert.isTrue(yield* outcome(other, limited("acme~3")))
        yield* one(backend, { op: "quota", tenant: "acme", row: null })
        assert.isTrue(yield* outcome(backend, limited("acme~5")))
      })
  )

  test("in one list of operations, a quota counts what came before it there", (backend) =>
    Effect.gen(function*() {
      const [, first, second] = yield* backend.write([quota("acme", 1), limited("acme~1"), limited("acme~2")])
      assert.deepInclude(first, { started: true })
      assert.deepInclude(second, { started: false, full: 1 })
    }))

  test("a start that is refused leaves no line in the audit, and its request may be made again", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, quota("acme", 0))
      const doing = acted(limited("acme~1"), act("acme~1", { request: asked("ann", "k") }))
      assert.deepInclude(yield* one(backend, doing), { full: 0 })
      assert.isNull(yield* backend.request("ann", "k"))
      assert.deepStrictEqual(yield* backend.audit({ limit: 9 }), [])
      yield* one(backend, quota("acme", 1))
      assert.deepInclude(yield* one(backend, doing), { started: true })
      assert.isNotNull(yield* backend.request("ann", "k"))
    }))

  test("tenants are those that have runs or quotas, by name", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        quota("zeta", null, 5),
        quota("acme", 7),
        startOwned("acme~1"),
        start("acme~2"),
        end("acme~1", 0, "{}"),
        start("beta~1"),
        start("1")
      ])
      const acme = { tenant: "acme", openRuns: 7, streams: null, by: "ops", at: 1_000 }
      assert.deepStrictEqual(yield* backend.tenants(), [
        { tenant: "acme", quota: acme, openRuns: 1, runs: 2 },
        { tenant: "beta", quota: null, openRuns: 1, runs: 1 },
        { tenant: "zeta", quota: { ...acme, tenant: "zeta", openRuns: null, streams: 5 }, openRuns: 0, runs: 0 }
      ])
      assert.deepStrictEqual((yield* backend.tenants("beta")).map(({ runs }) => runs), [1])
      assert.deepStrictEqual(yield* backend.tenants("none"), [])
      assert.deepStrictEqual(yield* one(backend, quota("acme", 8)), { before: acme })
    }))

  test("questions, tokens, lines of the audit and events are listed by tenant", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        ...["acme~1", "beta~1", "1"].map((id) => startOwned(id)),
        ...["acme~1", "beta~1", "1"].map((id) => commit(id, 0, [], { approvalsOpened: [approval(id, "k")] })),
        issue("a"),
        issue("b", { tenant: "acme" }),
        issue("c", { tenant: "beta" }),
        acted({ op: "revoke", id: "none" }, act("acme~1", { tenant: "acme" })),
        acted({ op: "quota", tenant: "x", row: null }, act("acme~1", { tenant: "acme" })),
        acted({ op: "quota", tenant: "y", row: null }, act("acme~1/k", { tenant: "acme" })),
        acted({ op: "quota", tenant: "x", row: null }, act("other")),
        acted({ op: "quota", tenant: "x", row: null }, act("beta~1", { tenant: "beta" })),
        events(event("e1", "acme~paid"), event("e2", "paid"), event("e3", "acme~sent"), event("e4", "acme-2~paid"))
      ])
      const questions = yield* backend.approvals(null, 9, "acme")
      assert.deepStrictEqual(questions.map(({ run }) => run), ["acme~1"])
      assert.lengthOf(yield* backend.approvals(null, 9), 3)
      assert.deepStrictEqual(ids(yield* backend.accessTokens(9, undefined, "acme")), ["b"])
      assert.strictEqual((yield* backend.accessToken("b"))?.tenant, "acme")
      const lines = (filter: object) =>
        Effect.map(backend.audit({ limit: 9, ...filter }), (rows) => rows.map(({ n, tenant }) => `${n} ${tenant}`))
      assert.deepStrictEqual(yield* lines({ tenant: "acme" }), ["2 acme", "1 acme"])
      assert.deepStrictEqual(yield* lines({ tenant: "acme", run: "acme~1", before: 2 }), ["1 acme"])
      assert.deepStrictEqual(yield* lines({ tenant: "acme", run: "beta~1" }), [])
      assert.deepStrictEqual(yield* lines({}), ["4 beta", "3 undefined", "2 acme", "1 acme"])
      assert.deepStrictEqual(yield* eventIds(backend, { tenant: "acme" }), ["e1", "e3"])
      assert.deepStrictEqual(yield* eventIds(backend, { tenant: "acme", name: "acme~paid" }), ["e1"])
      const [last] = yield* backend.events({ limit: 1, tenant: "acme" })
      assert.deepStrictEqual(yield* eventIds(backend, { tenant: "acme", before: last!.position }), ["e1"])
    }))

  test("the days of a workflow are those of its runs in one tenant, and so are the raises that its runs hear", (backend) =>
    Effect.gen(function*() {
      const sums = { day: 1, micros: 2, tokens: 0, reservedMicros: 0, reservedTokens: 0 }
      yield* backend.write([
        ...["acme~1", "beta~1", "1"].map((id) => startOwned(id)),
        commit("acme~1", 0, ["x"], { spending: { days: [sums] } }),
        commit("1", 0, ["x"], { spending: { days: [{ ...sums, micros: 9 }] } })
      ])
      assert.deepStrictEqual(yield* backend.spending({}), [
        { workflow: "acme~purchase", ...sums },
        { workflow: "purchase", ...sums, micros: 9 }
      ])
      assert.deepInclude(yield* one(backend, raise("r", 1, 5, 0, { workflow: "acme~purchase" })), {
        result: "accepted",
        raised: { micros: 5 },
        told: ["acme~1"]
      })
      assert.deepInclude(yield* one(backend, raise("s", 1, 5, 0)), { told: ["1"] })
    }))
}
