import { assert, describe, it } from "@effect/vitest"
import { ForTenants } from "@fermata/api/Access"
import { Api } from "@fermata/api/Api"
import { type Route, routes } from "@fermata/api/RouteTable"
import { scopes } from "@fermata/core/AccessToken"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import * as Approval from "@fermata/engine/Approval"
import { Chunks } from "@fermata/engine/Chunks"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { HttpApi } from "effect/http-api"
import { Workflow } from "effect/workflow"
import * as ServerAccess from "../src/ServerAccess.ts"
import * as Hooked from "./support/Hooked.ts"
import { type Answered, type Asked, Served } from "./support/Served.ts"

const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

/** Stands in everything that the tenant acme has, and in nothing else. */
const canary = "canary-71c2"

const weigh = Step.make("weigh", { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed(canary) })
const fail = Step.make("fail", { error: Schema.String, onCrash: "rerun", run: () => Effect.fail(canary) })

const app = Served.layer({}, ServerAccess.layerTokens()).pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Schedules.layer, Feed.layer, Chunks.layerMemory, Tasks.layer)),
  Layer.provideMerge(
    Order.toLayer(({ id }) =>
      Effect.gen(function*() {
        if (id === "fails") yield* fail()
        if (id.startsWith("plain")) return yield* Signal.receive(Signal.make("go"))
        yield* weigh()
        yield* Effect.orDie(Approval.ask("ship", {
          prompt: `Ship ${canary}?`,
          approvers: ["ada"],
          standing: { agent: canary, workspace: "", rules: ["Ship(now)"] }
        }))
        return yield* Signal.receive(Signal.make("go"))
      })
    )
  ),
  Layer.provideMerge(TestHost.layer)
)

/** A caller with every scope, of this tenant or of none. */
const caller = Effect.fnUntraced(function*(name: string, tenant?: string) {
  const tokens = yield* AccessTokens
  const { text, token } = yield* tokens.create({
    name,
    scopes,
    by: "root",
    ...(tenant === undefined ? {} : { tenant })
  })
  return { id: token.id, headers: { authorization: `Bearer ${Redacted.value(text)}` } }
})

const acme = CurrentTenant.within("acme")

const source = (description: string) => ({
  description,
  signature: { type: "github", secrets: [{ secret: "GIT" }] },
  mapping: { dedupe: "{{ digest }}" }
})

/** What acme has: a run that asks, one that failed, an event, a rule, a token, and what it spent. */
const furnished = Effect.gen(function*() {
  const runs = yield* Runs
  const host = yield* TestHost
  const { runId: other } = yield* acme(runs.start("order", { id: "other" }, { title: canary, labels: { of: canary } }))
  yield* host.settled
  yield* acme(runs.answer(other, { by: "ada", decision: "approve", always: "Ship(now)", note: canary }))
  const { runId: failed } = yield* acme(runs.start("order", { id: "fails" }))
  const { runId: asking } = yield* acme(runs.start("order", { id: canary }))
  yield* host.settled
  yield* acme(Effect.flatMap(Events, (events) => events.emit("order.placed", canary, { id: canary })))
  yield* acme(runs.raiseDay("order", { by: canary, micros: 1, note: canary }))
  yield* host.settled
  const { backend } = yield* Store
  const [came] = yield* backend.write([
    {
      op: "ingest",
      row: {
        sensor: "acme~mail",
        dedupe: "mail:1",
        eventId: canary,
        ref: canary,
        payload: JSON.stringify(canary),
        outcome: "{}",
        refused: null,
        at: 0
      },
      outbox: []
    },
    {
      op: "source",
      name: "acme~git",
      change: { declaration: JSON.stringify(source(canary)) },
      by: "ada",
      at: 0
    }
  ])
  const schedules = yield* Schedules
  const beat = { spec: { everyMs: 60_000 }, target: { event: { name: "beat" } }, note: canary }
  yield* acme(schedules.put("nightly", beat, { by: canary }))
  const tasks = yield* Tasks
  yield* acme(tasks.enqueue({ id: "task", kind: "work", subject: canary, payload: canary }))
  yield* acme(tasks.lease({ queue: "default", owner: canary, leaseMs: 60_000 }))
  yield* backend.write([Hooked.endpoint("acme~ops", canary)])
  yield* Hooked.dead(backend, { id: "acme~wh_1", lane: "acme~ops", canary })
  yield* acme(runs.tell(asking, { url: `https://example.org/${canary}` }, { by: "ada" }))
  const [rule] = yield* acme(runs.rules())
  const { id: token } = yield* caller("ada", "acme")
  return { asking, failed, token, rule: rule!.id, seen: came.row.position }
})
type Furnished = Effect.Success<typeof furnished>

/** How each route is asked about what acme has. One that is new has to take its place here. */
const about: Readonly<Record<string, (has: Furnished) => readonly [path: string, json?: unknown]>> = {
  "runs.list": () => ["/api/runs?limit=500"],
  "runs.counts": () => ["/api/runs/counts"],
  "runs.start": () => ["/api/runs", { workflow: "order", input: { id: "plain" } }],
  "runs.get": ({ asking }) => [`/api/runs/${asking}`],
  "runs.find": ({ asking }) => [`/api/runs/${asking}/summary`],
  "runs.cancel": ({ asking }) => [`/api/runs/${asking}/cancel`, {}],
  "runs.pause": ({ asking }) => [`/api/runs/${asking}/pause`],
  "runs.resume": ({ asking }) => [`/api/runs/${asking}/resume`],
  "runs.confirm": ({ asking }) => [`/api/runs/${asking}/confirm`],
  "runs.raise": ({ asking }) => [`/api/runs/${asking}/raise`, { micros: 1 }],
  "runs.fork": ({ asking }) => [`/api/runs/${asking}/fork`, { at: "weigh" }],
  "runs.retry": ({ failed }) => [`/api/runs/${failed}/retry`],
  "runs.actions": () => ["/api/runs/actions", { action: "cancel", filter: {}, dryRun: true }],
  "runs.delete": ({ failed }) => [`/api/runs/${failed}`],
  "runs.export": ({ failed }) => [`/api/runs/${failed}/export`],
  "runs.import": () => ["/api/runs/import", {}],
  "runs.prune": () => ["/api/runs/prune", { filter: {}, dryRun: true }],
  "retention.list": () => ["/api/retention/rules"],
  "retention.set": () => ["/api/retention/rules", { tenant: "acme", maxAgeMs: 0 }],
  "retention.unset": () => ["/api/retention/rules?tenant=acme"],
  "journal.page": ({ asking }) => [`/api/runs/${asking}/journal`],
  "steps.list": ({ asking }) => [`/api/runs/${asking}/steps`],
  "steps.get": ({ asking }) => [`/api/runs/${asking}/steps/weigh`],
  "steps.settle": ({ asking }) => [`/api/runs/${asking}/steps/weigh/settle`, { _tag: "retry" }],
  "artifacts.list": ({ asking }) => [`/api/runs/${asking}/artifacts`],
  "artifacts.content": ({ asking }) => [`/api/runs/${asking}/artifacts/none`],
  "artifacts.blob": () => [`/api/blobs/${"0".repeat(64)}`],
  "diff.page": ({ asking, failed }) => [`/api/runs/${asking}/diff/${failed}`],
  "agents.list": () => ["/api/agents"],
  "agents.state": ({ asking }) => [`/api/runs/${asking}/state`],
  "approvals.list": () => ["/api/approvals"],
  "approvals.get": ({ asking }) => [`/api/approvals/${encodeURIComponent(`${asking}/ship`)}`],
  "approvals.answer": ({ asking }) => [
    `/api/approvals/${encodeURIComponent(`${asking}/ship`)}/answers`,
    { decision: "approve" }
  ],
  "approvals.delegate": ({ asking }) => [
    `/api/approvals/${encodeURIComponent(`${asking}/ship`)}/delegations`,
    { to: "eve" }
  ],
  "signals.send": ({ asking }) => [`/api/runs/${asking}/signals/go`, { payload: 1 }],
  "signals.sample": ({ asking }) => [`/api/runs/${asking}/sample?reason=signal&key=go`],
  "events.list": () => ["/api/events"],
  "events.emit": ({ asking }) => [
    "/api/events",
    { name: "engine.approval.granted", payload: { runId: asking, stepId: "ship" } }
  ],
  "sensors.list": () => ["/api/sensors/events"],
  "sensors.get": ({ seen }) => [`/api/sensors/events/${seen}`],
  "sensors.ingest": () => ["/api/sensors/events", { sensor: "mail", dedupe: "mail:1" }],
  "sources.list": () => ["/api/sources"],
  "sources.get": () => ["/api/sources/git"],
  "sources.put": () => ["/api/sources/git", source("own")],
  "sources.remove": () => ["/api/sources/git"],
  "sources.pause": () => ["/api/sources/git/pause", {}],
  "sources.resume": () => ["/api/sources/git/resume"],
  "sources.test": () => ["/api/sources/git/test", { body: {} }],
  "webhooks.list": () => ["/api/webhooks"],
  "webhooks.get": () => ["/api/webhooks/ops"],
  "webhooks.put": () => ["/api/webhooks/ops", { url: "https://example.org/own", events: ["a"] }],
  "webhooks.remove": () => ["/api/webhooks/ops"],
  "webhooks.rotate": () => ["/api/webhooks/ops/rotate", { secret: "NEXT" }],
  "webhooks.pause": () => ["/api/webhooks/ops/pause"],
  "webhooks.resume": () => ["/api/webhooks/ops/resume"],
  "webhooks.test": () => ["/api/webhooks/ops/test"],
  "webhooks.deliveries": () => ["/api/webhooks/ops/deliveries"],
  "webhooks.delivery": () => ["/api/webhooks/ops/deliveries/wh_1"],
  "webhooks.redeliver": () => ["/api/webhooks/ops/deliveries/wh_1/redeliver"],
  "webhooks.actions": () => ["/api/webhooks/ops/deliveries/actions", { action: "redeliver" }],
  "runWebhooks.get": ({ asking }) => [`/api/runs/${asking}/webhook`],
  "runWebhooks.put": ({ asking }) => [`/api/runs/${asking}/webhook`, { url: "https://example.org/own" }],
  "runWebhooks.redeliver": ({ asking }) => [`/api/runs/${asking}/webhook/deliveries/wh_1/redeliver`],
  "contracts.list": () => ["/api/contracts"],
  "contracts.add": () => ["/api/contracts", {}],
  "contracts.check": () => ["/api/contracts/check", {}],
  "contracts.get": () => ["/api/contracts/none/newest"],
  "contracts.graph": () => ["/api/contracts/none/newest/graph"],
  "schedules.list": () => ["/api/schedules"],
  "schedules.add": () => ["/api/schedules", { name: "ours", spec: { everyMs: 60_000 }, target: { workflow: "order" } }],
  "schedules.tick": () => ["/api/schedules/tick"],
  "schedules.get": () => ["/api/schedules/nightly"],
  "schedules.put": () => ["/api/schedules/mine", { spec: { cron: "@yearly" }, target: { event: { name: "mine" } } }],
  "schedules.remove": () => ["/api/schedules/nightly"],
  "schedules.pause": () => ["/api/schedules/nightly/pause"],
  "schedules.resume": () => ["/api/schedules/nightly/resume"],
  "schedules.run": () => ["/api/schedules/nightly/run"],
  "schedules.backfill": () => ["/api/schedules/nightly/backfill", { from: 0, until: 1 }],
  "schedules.firings": () => ["/api/schedules/nightly/firings"],
  "schedules.next": () => ["/api/schedules/nightly/next"],
  "workflows.list": () => ["/api/workflows"],
  "policy.list": () => ["/api/policy/rules"],
  "policy.revoke": ({ rule }) => [`/api/policy/rules/${rule}`],
  "spending.sums": () => ["/api/spending"],
  "spending.raises": () => ["/api/spending/raises"],
  "spending.raise": () => ["/api/spending/raises", { workflow: "order", micros: 5 }],
  "streams.run": ({ asking }) => [`/api/runs/${asking}/stream`],
  "streams.tokens": ({ asking }) => [`/api/runs/${asking}/tokens`],
  "streams.agent": ({ asking }) => [`/api/runs/${asking}/agent`],
  "streams.all": ({ asking }) => [`/api/stream?root=${asking}`],
  "system.heartbeat": () => ["/api/heartbeat"],
  "system.health": () => ["/api/health"],
  "system.workers": () => ["/api/workers"],
  "system.reap": () => ["/api/workers/reap", {}],
  "system.state": () => ["/api/state"],
  "system.metrics": () => ["/api/metrics"],
  "audit.list": () => ["/api/audit?limit=500"],
  "audit.verify": () => ["/api/audit/verify"],
  "tenants.list": () => ["/api/tenants"],
  "tenants.get": () => ["/api/tenants/acme"],
  "tenants.delete": () => ["/api/tenants/acme"],
  "tenants.limit": () => ["/api/tenants/acme/quotas", {}],
  "tasks.list": () => ["/api/tasks?limit=500"],
  "tasks.add": () => ["/api/tasks", { kind: "work", id: "task" }],
  "tasks.queue": () => ["/api/tasks/queue", { message: 1 }],
  "tasks.get": () => ["/api/tasks/acme~task"],
  "tasks.attempts": () => ["/api/tasks/acme~task/attempts"],
  "tasks.cancel": () => ["/api/tasks/acme~task/cancel", { running: true }],
  "tasks.retry": () => ["/api/tasks/acme~task/retry"],
  "tasks.extend": () => ["/api/tasks/acme~task/extend", { attempt: 1, leaseMs: 1_000 }],
  "tasks.complete": () => ["/api/tasks/acme~task/complete", { attempt: 1 }],
  "tasks.fail": () => ["/api/tasks/acme~task/fail", { attempt: 1, message: "no" }],
  "tasks.release": () => ["/api/tasks/acme~task/release", { attempt: 1 }],
  "queues.list": () => ["/api/queues"],
  "queues.configure": () => ["/api/queues/acme~default", { concurrency: 1 }],
  "queues.pause": () => ["/api/queues/acme~default/pause"],
  "queues.resume": () => ["/api/queues/acme~default/resume"],
  "queues.lease": () => ["/api/queues/acme~default/lease", { leaseMs: 1_000, limit: 100 }],
  "pause.get": () => ["/api/pause"],
  "pause.set": () => ["/api/pause", { paused: true }],
  "access.me": () => ["/api/me"],
  "access.login": () => ["/api/login", { token: "none" }],
  "access.logout": () => ["/api/logout"],
  "access.tokens": () => ["/api/tokens"],
  "access.createToken": () => ["/api/tokens", { name: "mallory", scopes: ["read"], tenant: "acme" }],
  "access.removeToken": ({ token }) => [`/api/tokens/${token}`]
}

const asking = Effect.fnUntraced(function*({ method, name }: Route, has: Furnished, asked: Asked) {
  const { ask } = yield* Served
  const [path, json] = about[name]!(has)
  return yield* ask(`${method} ${path}`, json === undefined ? asked : { ...asked, json })
})

const forTenants = new Set<string>()
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint, group, mergedAnnotations }) => {
    if (Context.get(mergedAnnotations, ForTenants)) forTenants.add(`${group.identifier}.${endpoint.identifier}`)
  }
})

describe("tenants over HTTP", () => {
  it("every route has its place in the test of what crosses", () => {
    assert.deepStrictEqual(Object.keys(about).toSorted(), routes.map(({ name }) => name).toSorted())
    assert.deepStrictEqual(
      routes.filter(({ name, scope }) => !forTenants.has(name) && scope !== "anyone").map((
        { name }
      ) => name),
      [
        "artifacts.blob",
        "contracts.add",
        "system.reap",
        "system.state",
        "system.metrics",
        "audit.verify",
        "tenants.list",
        "tenants.get",
        "tenants.limit",
        "tenants.delete",
        "pause.get",
        "pause.set"
      ]
    )
  })

  it.effect("N-17: by no route a caller of one tenant reads or changes anything of another", () =>
    Effect.gen(function*() {
      const has = yield* furnished
      const runs = yield* Runs
      const eve = yield* caller("ada", "beta")
      const journals = () => Effect.forEach([has.asking, has.failed], (run) => runs.journal(run))
      const before = yield* journals()
      const rows = yield* runs.list({ tenant: "acme" })
      let tried = 0
      for (const route of routes) {
        const answer = yield* asking(route, has, { headers: eve.headers })
        const told = `${route.name}: ${answer.status} ${answer.text}`
        assert.notInclude(answer.text, canary, told)
        // It may be told again what it has asked for.
        const own = [has.asking, has.failed, "acme~task", "acme~default"]
        assert.notInclude(own.reduce((text, asked) => text.replaceAll(asked, ""), answer.text), "acme~", told)
        if (route.path.includes(":run") || route.path.includes(":approval")) {
          assert.deepInclude(answer, { status: 404 }, told)
        }
        if (!forTenants.has(route.name) && route.scope !== "anyone") {
          assert.strictEqual(answer.status, 403, told)
          assert.include(answer.text, "of the tenant beta")
        }
        tried++
      }
      yield* (yield* TestHost).settled
      assert.strictEqual(tried, routes.length)
      assert.deepStrictEqual(yield* journals(), before)
      assert.deepStrictEqual(yield* runs.list({ tenant: "acme" }), rows)
      assert.lengthOf(yield* acme(runs.rules()), 1)
      assert.lengthOf(yield* acme(runs.dayRaises()), 1)
      const { backend } = yield* Store
      assert.deepStrictEqual((yield* backend.sources("acme")).map(({ by, paused }) => [by, paused]), [["ada", false]])
      assert.lengthOf(yield* backend.sensors({ limit: 10, tenant: "acme" }), 1)
      const schedules = yield* Schedules
      assert.deepInclude((yield* acme(schedules.list()))[0], {
        name: "nightly",
        paused: false,
        started: 0,
        backfills: []
      })
      assert.lengthOf(yield* acme(Effect.flatMap(AccessTokens, (tokens) => tokens.list())), 1)
    }).pipe(Effect.provide(app)))

  it.effect("the same routes give a caller of the tenant its own, and whoever runs the store all of it", () =>
    Effect.gen(function*() {
      const has = yield* furnished
      const ada = yield* caller("ada", "acme")
      const root = yield* caller("root")
      const ended = (answer: Answered) => answer.status
      for (
        const name of [
          "runs.list",
          "runs.get",
          "approvals.list",
          "events.list",
          "audit.list",
          "policy.list",
          "sensors.list",
          "sensors.get",
          "sources.list",
          "webhooks.list"
        ]
      ) {
        const route = routes.find((route) => route.name === name)!
        for (const { headers } of [ada, root]) {
          const answer = yield* asking(route, has, { headers })
          assert.strictEqual(ended(answer), 200, name)
          assert.include(answer.text, canary, name)
        }
      }
      const { ask } = yield* Served
      const workers = yield* ask("GET /api/workers", ada)
      assert.deepStrictEqual(workers.at("workers.0.info"), {})
      const me = yield* ask("GET /api/me", ada)
      assert.strictEqual(me.at("tenant"), "acme")
      const short = has.asking.slice("acme~".length, "acme~".length + 8)
      assert.strictEqual((yield* ask(`GET /api/runs/${short}/summary`, ada)).at("id"), has.asking)
      const answered = yield* ask(`POST /api/approvals/${encodeURIComponent(`${short}/ship`)}/answers`, {
        ...ada,
        json: { decision: "approve" }
      })
      assert.strictEqual(answered.status, 200)
    }).pipe(Effect.provide(app)))

  it.effect("whoever runs the store asks for one tenant by a header, and a caller of another is refused it", () =>
    Effect.gen(function*() {
      const has = yield* furnished
      const { ask } = yield* Served
      const root = yield* caller("root")
      const eve = yield* caller("eve", "beta")
      const started = yield* ask("POST /api/runs", {
        headers: { ...root.headers, "fermata-tenant": "gamma" },
        json: { workflow: "order", input: { id: "plain" } }
      })
      assert.deepInclude(started, { status: 201 })
      assert.match(started.at("runId") as string, /^gamma~/)
      const listed = (headers: Record<string, string>) => ask("GET /api/runs", { headers })
      assert.strictEqual((yield* listed({ ...root.headers, "fermata-tenant": "gamma" })).at("runs.length"), 1)
      assert.strictEqual((yield* listed({ ...root.headers, "fermata-tenant": "none" })).at("runs.length"), 0)
      assert.strictEqual((yield* listed({ ...eve.headers, "fermata-tenant": "beta" })).at("runs.length"), 0)
      assert.deepInclude(yield* listed({ ...eve.headers, "fermata-tenant": "acme" }), { status: 403 })
      const bad = yield* listed({ ...root.headers, "fermata-tenant": "Acme!" })
      assert.strictEqual(bad.status, 400)
      assert.include(bad.text, "header.fermata-tenant")
      const whole = yield* ask("GET /api/state", { headers: { ...root.headers, "fermata-tenant": "acme" } })
      assert.strictEqual(whole.status, 403)
      assert.include(whole.text, "whole store")
      assert.strictEqual((yield* ask("GET /api/runs?tenant=acme", root)).at("runs.length"), 3)
      assert.strictEqual((yield* ask(`GET /api/runs/${has.asking}`, root)).at("tenant"), "acme")
    }).pipe(Effect.provide(app)))

  it.effect("a write under one key is done once in each tenant that whoever runs the store asks for", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const root = yield* caller("root")
      const made = Effect.fnUntraced(function*(tenant: string) {
        const answer = yield* ask("POST /api/spending/raises", {
          headers: { ...root.headers, "fermata-tenant": tenant, "idempotency-key": "k" },
          json: { workflow: "order", micros: 5 }
        })
        return [answer.status, answer.headers.get("idempotency-replayed")]
      })
      assert.deepStrictEqual(yield* made("acme"), [200, null])
      assert.deepStrictEqual(yield* made("beta"), [200, null])
      assert.deepStrictEqual(yield* made("acme"), [200, "true"])
      const raises = yield* CurrentTenant.within("beta")(Effect.flatMap(Runs, (runs) => runs.dayRaises()))
      assert.lengthOf(raises, 1)
    }).pipe(Effect.provide(app)))

  it.effect("what anyone may have is told whichever tenant is asked for", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      for (const path of ["heartbeat", "health"]) {
        const { status } = yield* ask(`GET /api/${path}`, { headers: { "fermata-tenant": "acme" } })
        assert.strictEqual(status, 200, path)
      }
    }).pipe(Effect.provide(app)))

  it.effect("N-64: a tenant that is full is answered 429 with Retry-After, and nothing is kept of the request", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const root = yield* caller("root")
      const ada = yield* caller("ada", "acme")
      const limit = (json: object) => ask("PUT /api/tenants/acme/quotas", { ...root, json })
      assert.deepInclude((yield* limit({ openRuns: 1 })).body, { name: "acme", quotas: { openRuns: 1 }, openRuns: 0 })
      const start = (id: string) =>
        ask("POST /api/runs", {
          headers: { ...ada.headers, "idempotency-key": id },
          json: { workflow: "order", input: { id: `plain-${id}` } }
        })
      const first = yield* start("1")
      assert.strictEqual(first.status, 201)
      const refused = yield* start("2")
      assert.deepStrictEqual([refused.status, refused.headers.get("retry-after")], [429, "10"])
      assert.deepInclude(refused.body, { type: "urn:fermata:problem:QuotaReached", status: 429 })
      assert.strictEqual((yield* start("1")).status, 200)
      const run = first.at("runId") as string
      assert.strictEqual((yield* ask(`POST /api/runs/${run}/cancel`, { ...ada, json: {} })).status, 200)
      yield* (yield* TestHost).settled
      assert.strictEqual((yield* start("2")).status, 201)
      assert.deepInclude((yield* ask("GET /api/tenants", root)).at("tenants.0"), { name: "acme", openRuns: 1, runs: 2 })
      assert.strictEqual((yield* limit({ openRuns: -1 })).status, 400)
      assert.strictEqual((yield* ask("PUT /api/tenants/A!/quotas", { ...root, json: {} })).status, 422)
    }).pipe(Effect.provide(app)))

  it.effect("N-64: a tenant has so many streams open at a server as its quota says", () =>
    Effect.gen(function*() {
      const { ask, fetch } = yield* Served
      const root = yield* caller("root")
      yield* ask("PUT /api/tenants/acme/quotas", { ...root, json: { streams: 2 } })
      const opened = Effect.fnUntraced(function*(name: string, tenant: string) {
        const { headers } = yield* caller(name, tenant)
        return yield* Effect.promise(() => fetch(new Request("http://localhost/api/stream", { headers })))
      })
      const statuses: Array<number> = []
      const bodies: Array<Response> = []
      for (const [name, tenant] of [["ann", "acme"], ["bob", "acme"], ["cid", "acme"], ["cid", "beta"]] as const) {
        const response = yield* opened(name, tenant)
        statuses.push(response.status)
        bodies.push(response)
      }
      assert.deepStrictEqual(statuses, [200, 200, 429, 200])
      yield* Effect.promise(() => bodies[0]!.body!.cancel())
      yield* Effect.yieldNow
      assert.strictEqual((yield* opened("dan", "acme")).status, 200)
    }).pipe(Effect.provide(app)))

  it.effect("N-17: the stream of all runs tells a caller of a tenant of the commits of its own alone, whoever else hears them", () =>
    Effect.gen(function*() {
      const { fetch } = yield* Served
      const runs = yield* Runs
      const listen = Effect.fnUntraced(function*(headers: Record<string, string>) {
        const response = yield* Effect.promise(() =>
          fetch(new Request("http://localhost/api/stream?after=now", { headers }))
        )
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
        yield* Effect.addFinalizer(() => Effect.promise(() => reader.cancel()))
        yield* Effect.promise(() => reader.read())
        return Effect.fnUntraced(function*(until: string) {
          let told = ""
          while (!told.includes(until)) told += (yield* Effect.promise(() => reader.read())).value ?? ""
          return told
        })
      })
      const all = yield* listen((yield* caller("root")).headers)
      const own = yield* listen((yield* caller("eve", "beta")).headers)
      const { runId: a } = yield* acme(runs.start("order", { id: "plain" }))
      // What is told of a commit is made once for all who hear it.
      yield* all(a)
      const { runId: b } = yield* CurrentTenant.within("beta")(runs.start("order", { id: "plain" }))
      assert.notInclude(yield* own(b), "acme~")
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("the keys of requests are of a caller in its tenant: two of one name are two", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const event = { name: "order.placed", payload: {} }
      const emit = (headers: Record<string, string>) =>
        Effect.map(
          ask("POST /api/events", { headers: { ...headers, "idempotency-key": "k" }, json: event }),
          (answer) => answer.at("id") as string
        )
      const ids = [
        yield* emit((yield* caller("ada", "acme")).headers),
        yield* emit((yield* caller("ada", "beta")).headers),
        yield* emit((yield* caller("ada")).headers),
        // A name that reads like one in a tenant is none.
        yield* emit((yield* caller("acme~ada")).headers)
      ]
      assert.strictEqual(new Set(ids.map((id) => id.replace(/^\w+~/, ""))).size, 4)
    }).pipe(Effect.provide(app)))
})
