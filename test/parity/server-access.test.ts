/** Who may call a server, and as whom what they do is recorded. */
import { assert, describe, it } from "@effect/vitest"
import { Contracts } from "@fermata/contracts/Contracts"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import * as Approval from "@fermata/engine/Approval"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import { Store } from "@fermata/engine/Store"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Workflow } from "effect/workflow"

const Go = Signal.make("go")
const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.Void,
  idempotencyKey: ({ id }) => id
})

const Pay = Workflow.make("pay", {
  payload: { id: Schema.String, quorum: Schema.Int },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})
const pay = Pay.toLayer(({ quorum }) =>
  Approval.ask("pay", { prompt: "Pay?", approvers: ["finance"], quorum }).pipe(
    Effect.map(({ by }) => [...by].toSorted()),
    Effect.orDie
  )
)

const app = ServerAccess.layerTokens().pipe(
  Layer.provideMerge(Layer.mergeAll(AccessTokens.layer, Chunks.layerMemory, Contracts.layerServing(), Feed.layer)),
  Layer.provideMerge(Layer.merge(Order.toLayer(() => Signal.receive(Go)), pay)),
  Layer.provideMerge(TestHost.layer)
)

/** Asks a server on the engine of the test. */
const server = Effect.gen(function*() {
  const services = yield* Effect.context<Server.Needs>()
  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() => Server.toWebHandler(Layer.succeedContext(services))),
    ({ dispose }) => Effect.promise(dispose)
  )
  return (line: string, { json, token }: { readonly json?: unknown; readonly token?: string } = {}) =>
    Effect.promise(async () => {
      const [method, path] = line.split(" ") as [string, string]
      const response = await handler(
        new Request(`http://localhost${path}`, {
          method,
          headers: {
            ...(json === undefined ? {} : { "content-type": "application/json" }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
          },
          ...(json === undefined ? {} : { body: JSON.stringify(json) })
        })
      )
      return { status: response.status, body: await response.json() as Readonly<Record<string, unknown>> }
    })
})

describe("access", () => {
  it.effect("N-17: a tenant is a namespace of the store: what one has, its tokens read and change, and those of another do not", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const tokens = yield* AccessTokens
      const of = (tenant: string) =>
        Effect.map(
          tokens.create({ name: "ada", scopes: ["read", "operate"], by: "root", tenant }),
          ({ text }) => Redacted.value(text)
        )
      const acme = yield* of("acme")
      const beta = yield* of("beta")
      const start = (token: string) => ask("POST /api/runs", { token, json: { workflow: "order", input: { id: "7" } } })
      const { body: { runId } } = yield* start(acme)
      const other = yield* start(beta)
      assert.deepStrictEqual([other.status, other.body["joined"]], [201, false])
      yield* (yield* TestHost).settled
      const stands = yield* ask(`GET /api/runs/${String(runId)}`, { token: acme })
      assert.strictEqual(stands.body["status"], "suspended")
      for (const line of ["GET /api/runs/ID", "GET /api/runs/ID/journal", "POST /api/runs/ID/pause"]) {
        const refused = yield* ask(line.replace("ID", String(runId)), { token: beta })
        assert.deepStrictEqual([refused.status, refused.body["title"]], [404, "Run not found"], line)
      }
      const listed = (yield* ask("GET /api/runs", { token: beta })).body["runs"] as ReadonlyArray<{ id: string }>
      assert.deepStrictEqual(listed.map(({ id }) => id), [other.body["runId"]])
      assert.deepStrictEqual((yield* ask(`GET /api/runs/${String(runId)}`, { token: acme })).body, stands.body)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("N-64: what there is no room for is refused at once with 429, and taken once there is", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const { text } = yield* (yield* AccessTokens).create({ name: "root", scopes: ["operate", "admin"], by: "root" })
      const root = Redacted.value(text)
      const { text: own } = yield* (yield* AccessTokens).create({
        name: "ada",
        scopes: ["operate"],
        by: "root",
        tenant: "acme"
      })
      const token = Redacted.value(own)
      yield* ask("PUT /api/tenants/acme/quotas", { token: root, json: { openRuns: 1 } })
      const start = (id: string) => ask("POST /api/runs", { token, json: { workflow: "order", input: { id } } })
      const first = yield* start("1")
      const full = yield* start("2")
      assert.deepStrictEqual([full.status, full.body["title"]], [429, "Quota reached"])
      assert.deepInclude(full.body["error"], { tenant: "acme", most: 1, retryAfter: 10 })
      yield* ask(`POST /api/runs/${String(first.body["runId"])}/cancel`, { token, json: {} })
      yield* (yield* TestHost).settled
      assert.strictEqual((yield* start("2")).status, 201)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("N-54: who did what is in a chain of lines, and an altered one is detected", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const tokens = yield* AccessTokens
      const made = yield* tokens.create({ name: "ada", scopes: ["operate", "admin"], by: "root" })
      const token = Redacted.value(made.text)
      const { body: { runId } } = yield* ask("POST /api/runs", {
        token,
        json: { workflow: "order", input: { id: "7" } }
      })
      yield* ask(`POST /api/runs/${String(runId)}/cancel`, { token, json: { reason: "wrong" } })
      const { body } = yield* ask(`GET /api/audit?run=${String(runId)}`, { token })
      const lines = body["lines"] as ReadonlyArray<
        { readonly action: string; readonly who: string; readonly how: string }
      >
      assert.deepStrictEqual(lines.map(({ action, how, who }) => [who, how, action]), [
        ["ada", `http:${made.token.id}`, "run.cancel"],
        ["ada", `http:${made.token.id}`, "run.start"]
      ])
      assert.strictEqual((yield* ask("GET /api/audit/verify", { token })).body["intact"], true)
      const { backend } = yield* Store
      // The memory store gives its own rows, so whoever has them can alter them.
      const [, second] = yield* backend.auditChain(0, 10)
      Object.assign(second!, { who: "eve" })
      const found = (yield* ask("GET /api/audit/verify", { token })).body
      assert.deepStrictEqual([found["intact"], found["fault"]], [false, {
        n: 2,
        kind: "altered",
        problem: "line 2 was altered: its hash is of other words"
      }])
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("N-31: a call without a token gets 401 and does nothing; one with a token is recorded as its person's, and may not say whose it is", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const json = { workflow: "order", input: { id: "o-1" } }
      const nobody = yield* ask("POST /api/runs", { json })
      assert.deepStrictEqual([nobody.status, nobody.body["title"]], [401, "Unauthorized"])
      assert.isEmpty(yield* (yield* Runs).list())
      const { text } = yield* (yield* AccessTokens).create({ name: "ada", scopes: ["operate", "read"], by: "root" })
      const token = Redacted.value(text)
      assert.strictEqual((yield* ask("POST /api/runs", { json: { ...json, by: "root" }, token })).status, 400)
      const started = yield* ask("POST /api/runs", { json, token })
      yield* (yield* TestHost).settled
      const found = yield* ask(`GET /api/runs/${String(started.body["runId"])}`, { token })
      assert.strictEqual(found.body["by"], "ada")
    }).pipe(Effect.provide(app)))

  /** A run that asks, and answers to its question by new tokens of these people. */
  const asking = Effect.fnUntraced(function*(quorum: number) {
    const ask = yield* server
    const tokens = yield* AccessTokens
    const { runId } = yield* (yield* Runs).start("pay", { id: `p-${quorum}`, quorum })
    yield* (yield* TestHost).settled
    const answer = Effect.fnUntraced(function*(name: string) {
      const { text } = yield* tokens.create({ name, scopes: ["approve"], groups: ["finance"], by: "root" })
      return yield* ask(`POST /api/approvals/${runId}/answers`, {
        json: { decision: "approve" },
        token: Redacted.value(text)
      })
    })
    const by = Effect.gen(function*() {
      yield* (yield* TestHost).settled
      return (yield* (yield* Runs).show(runId)).output
    })
    return { answer, by, runId }
  })

  it.effect("N-61: a quorum counts people and not tokens: two of one person are one yes", () =>
    Effect.gen(function*() {
      const { answer, by } = yield* asking(2)
      assert.strictEqual((yield* answer("ada")).status, 200)
      assert.strictEqual((yield* answer("ada")).body["title"], "Answer refused")
      assert.isUndefined(yield* by)
      assert.strictEqual((yield* answer("bob")).status, 200)
      assert.deepStrictEqual(yield* by, ["ada", "bob"])
    }).pipe(Effect.provide(app)))

  it.effect("S16, N-31: an event that answers a question takes the scope approve, as an answer does", () =>
    Effect.gen(function*() {
      const { by, runId } = yield* asking(1)
      const ask = yield* server
      const { text } = yield* (yield* AccessTokens).create({ name: "eve", scopes: ["operate"], by: "root" })
      const refused = yield* ask("POST /api/events", {
        json: { name: "engine.approval.granted", payload: { runId, stepId: "pay", grantedBy: "finance" } },
        token: Redacted.value(text)
      })
      assert.deepStrictEqual([refused.status, refused.body["title"]], [403, "Forbidden"])
      assert.isUndefined(yield* by)
    }).pipe(Effect.provide(app)))

  it.effect("S16: of people who answer one question at once, over HTTP and by the library, one decides and the others are told", () =>
    Effect.gen(function*() {
      const { answer, by, runId } = yield* asking(1)
      const runs = yield* Runs
      const taken = yield* Effect.all({
        ada: Effect.map(answer("ada"), ({ status }) => status === 200),
        bob: runs.answer(runId, { by: "bob", roles: ["finance"], decision: "approve" }).pipe(
          Effect.match({ onFailure: () => false, onSuccess: () => true })
        ),
        cy: Effect.map(answer("cy"), ({ status }) => status === 200)
      }, { concurrency: "unbounded" })
      const deciders = Object.entries(taken).filter(([, isTaken]) => isTaken).map(([name]) => name)
      assert.lengthOf(deciders, 1)
      assert.deepStrictEqual(yield* by, deciders)
    }).pipe(Effect.provide(app)))
})
