import { assert, describe, it } from "@effect/vitest"
import * as Approval from "@fermata/engine/Approval"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Client, Served } from "./support/Served.ts"

const Refund = Workflow.make("refund", {
  payload: { id: Schema.String, approver: Schema.String },
  success: Schema.String,
  error: Approval.Denied,
  idempotencyKey: ({ id }) => id
})

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(
    Refund.toLayer(({ approver, id }) =>
      Effect.map(Approval.ask("ok", { prompt: `Refund ${id}?`, approvers: [approver] }), ({ by }) => by.join())
    )
  ),
  Layer.provideMerge(TestHost.layer)
)

const asked = Effect.fnUntraced(function*(...approvers: ReadonlyArray<string>) {
  const { ask } = yield* Served
  const host = yield* TestHost
  return yield* Effect.forEach(approvers, (approver, index) =>
    Effect.gen(function*() {
      const started = yield* ask("POST /api/runs", {
        json: { workflow: "refund", input: { id: `${index}`, approver } }
      })
      yield* host.adjust("1 second")
      return String(started.at("runId"))
    }))
})

describe("the routes for questions", () => {
  it.effect("list what is asked in pages, and narrow it to who may answer", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const [first, second, third] = yield* asked("ada", "bob", "ada")
      const page = yield* ask("GET /api/approvals?limit=1")
      assert.deepStrictEqual([page.at("approvals.0.runId"), page.at("approvals.1")], [first, undefined])
      const next = `&after=${encodeURIComponent(String(page.at("next")))}`
      assert.strictEqual((yield* ask(`GET /api/approvals?limit=1${next}`)).at("approvals.0.runId"), second)
      // The place of the first page holds when its question is answered meanwhile.
      yield* ask(`POST /api/approvals/${first}/answers`, { json: { decision: "approve" } })
      yield* (yield* TestHost).settled
      assert.strictEqual((yield* ask(`GET /api/approvals?limit=1${next}`)).at("approvals.0.runId"), second)
      const mine = yield* ask("GET /api/approvals?approver=ada&approver=finance")
      assert.deepStrictEqual([mine.at("approvals.0.runId"), mine.at("approvals.1"), mine.at("next")], [
        third,
        undefined,
        undefined
      ])
    }).pipe(Effect.provide(app)))

  it.effect("S16: are answered by whoever calls and nobody else, and tell who comes second what was decided", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const client = yield* Client
      const [run] = yield* asked("ada")
      const approval = `${run}/ok`
      const path = `/api/approvals/${encodeURIComponent(approval)}`
      assert.deepInclude((yield* ask(`GET ${path}`)).body as object, {
        id: approval,
        status: "open",
        prompt: "Refund 0?"
      })
      const asBob = yield* ask(`POST ${path}/answers`, { json: { decision: "approve", by: "bob" } })
      assert.deepStrictEqual([asBob.status, asBob.at("detail")], [403, "You are ada, and cannot answer as bob"])
      const withRoles = yield* ask(`POST ${path}/answers`, { json: { decision: "approve", roles: ["finance"] } })
      assert.deepStrictEqual([withRoles.status, withRoles.at("error.issues.0.path")], [400, "body.roles"])
      assert.strictEqual((yield* ask(`GET ${path}`)).at("status"), "open")
      const answered = yield* ask(`POST ${path}/answers`, { json: { decision: "approve", by: "ada" } })
      assert.deepStrictEqual([answered.status, answered.at("progress")], [200, "approved by ada"])
      yield* (yield* TestHost).settled
      const again = yield* Effect.flip(
        client.approvals.answer({ params: { approval }, payload: { decision: "deny" } })
      )
      assert.strictEqual(again._tag, "AnsweredAlready")
      assert.strictEqual((yield* ask(`GET /api/runs/${run}`)).at("output"), "ada")
    }).pipe(Effect.provide(app)))

  it.effect("N-61: hand a question on as whoever calls and nobody else, and refuse what cannot be", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const client = yield* Client
      const [run] = yield* asked("ada")
      const path = `/api/approvals/${run}/delegations`
      const asBob = yield* ask(`POST ${path}`, { json: { to: "dana", by: "bob" } })
      assert.deepStrictEqual([asBob.status, asBob.at("detail")], [403, "You are ada, and cannot answer as bob"])
      const toSelf = yield* ask(`POST ${path}`, { json: { to: "ada" } })
      assert.deepStrictEqual([toSelf.status, toSelf.at("error._tag"), toSelf.at("detail")], [
        409,
        "DelegationRefused",
        `Approval ${run}/ok is not handed on: ada has it already`
      ])
      const handed = yield* client.approvals.delegate({
        params: { approval: `${run}/ok` },
        payload: { to: "dana", note: "away" }
      })
      assert.deepStrictEqual(handed.wanted, ["dana"])
      const again = yield* Effect.flip(
        client.approvals.delegate({ params: { approval: `${run}/ok` }, payload: { to: "cy" } })
      )
      assert.strictEqual(again._tag, "NotAllowed")
      const answered = yield* ask(`POST /api/approvals/${run}/answers`, { json: { decision: "approve" } })
      assert.deepStrictEqual([answered.status, answered.at("error._tag")], [403, "NotAllowed"])
      assert.isUndefined((yield* ask("GET /api/approvals?approver=ada")).at("approvals.0"))
      assert.strictEqual((yield* ask("GET /api/approvals?approver=dana")).at("approvals.0.routed.0.note"), "away")
    }).pipe(Effect.provide(app)))

  it.effect("S16: an event that answers a question does so as whoever calls, and as nobody else", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const [first, second] = yield* asked("ada", "bob")
      const emit = (runId: string | undefined, more: object) =>
        ask("POST /api/events", {
          json: { name: "engine.approval.granted", payload: { runId, stepId: "ok", ...more } }
        })
      for (const more of [{ grantedBy: "bob" }, { by: "bob" }, { grantedBy: "ada", deniedBy: "bob" }]) {
        const asBob = yield* emit(second, more)
        assert.deepStrictEqual([asBob.status, asBob.at("detail")], [403, "You are ada, and cannot answer as bob"])
      }
      yield* host.settled
      assert.strictEqual((yield* ask(`GET /api/runs/${second}`)).at("status"), "suspended")
      assert.strictEqual((yield* emit(first, {})).status, 201)
      yield* host.settled
      assert.strictEqual((yield* ask(`GET /api/runs/${first}`)).at("output"), "ada")
    }).pipe(Effect.provide(app)))

  it.effect("N-61: whoever published the event that started a run has asked for it, whatever the event says", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const added = yield* ask("POST /api/contracts", {
        json: {
          schemaVersion: "fermata.contract.v1",
          id: "payout",
          version: "1.0.0",
          title: "Payout",
          triggers: [{ type: "event", event: "payout.wanted" }],
          entryStepId: "ok",
          steps: [{
            id: "ok",
            name: "Ok",
            kind: "approval",
            prompt: "Pay?",
            approvers: ["ada", "bob"],
            notBy: "requester",
            nextOnApproved: null,
            nextOnDenied: null
          }]
        }
      })
      assert.strictEqual(added.status, 201)
      const sent = yield* ask("POST /api/events", { json: { name: "payout.wanted", payload: { by: "bob" } } })
      assert.strictEqual(sent.status, 201)
      yield* host.settled
      const open = yield* ask("GET /api/approvals")
      assert.deepStrictEqual([open.at("approvals.0.requester"), open.at("approvals.0.wanted")], ["ada", ["bob"]])
      const answered = yield* ask(`POST /api/approvals/${open.at("approvals.0.runId")}/answers`, {
        json: { decision: "approve" }
      })
      assert.deepStrictEqual([answered.status, answered.at("error._tag")], [403, "NotAllowed"])
      assert.include(String(answered.at("detail")), "ada has asked for the run, and another must decide")
      const forged = yield* ask("POST /api/events", { json: { name: "payout.wanted", by: "bob" } })
      assert.deepStrictEqual([forged.status, forged.at("error.issues.0.path")], [400, "body.by"])
    }).pipe(Effect.provide(app)))

  it.effect("S16: refuse who is not among those who may answer", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const [run] = yield* asked("bob")
      const answered = yield* ask(`POST /api/approvals/${run}/answers`, { json: { decision: "approve" } })
      assert.deepStrictEqual([answered.status, answered.at("error._tag"), answered.at("detail")], [
        403,
        "NotAllowed",
        `ada may not answer approval ${run}/ok: only bob may`
      ])
    }).pipe(Effect.provide(app)))
})
