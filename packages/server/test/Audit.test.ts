import { assert, describe, it } from "@effect/vitest"
import { type Route, routes } from "@fermata/api/RouteTable"
import { scopes } from "@fermata/core/AccessToken"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import * as Approval from "@fermata/engine/Approval"
import { rememberedMs } from "@fermata/engine/AuditChain"
import { AuditLog } from "@fermata/engine/AuditLog"
import { endpointOfRun } from "@fermata/engine/Backend"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { RunExports } from "@fermata/engine/RunExports"
import { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import { act, commit, inbox, start } from "@fermata/testing/backend/Fixtures"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as ServerAccess from "../src/ServerAccess.ts"
import * as Hooked from "./support/Hooked.ts"
import { type Asked, Client, Served } from "./support/Served.ts"

/** Stands wherever a caller says something of its own. */
const canary = "canary-71c2"

const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

const pay = Step.make("pay", {
  error: Schema.String,
  onCrash: "rerun",
  run: (_, { attempt }) => attempt === 1 ? Effect.fail("no funds") : Effect.void
})
const weigh = Step.make("weigh", { onCrash: "rerun", run: () => Effect.void })

const app = Served.layer({}, ServerAccess.layerTokens()).pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      Runs.layer,
      Feed.layer,
      Chunks.layerMemory,
      AuditLog.layer,
      RunExports.layer,
      Schedules.layer,
      Tasks.layer
    )
  ),
  Layer.provideMerge(
    Order.toLayer(({ id }) =>
      Effect.gen(function*() {
        if (id.startsWith("fails")) yield* pay()
        yield* weigh()
        if (id.startsWith("asks")) {
          yield* Effect.orDie(Approval.ask("ship", {
            prompt: "Ship it?",
            approvers: ["ann", "bob"],
            args: { schema: Schema.Json, value: { to: canary }, editable: true },
            standing: { agent: "shop", workspace: "", rules: ["Ship(now)"] }
          }))
        }
        return yield* Signal.receive(Signal.make("go"))
      })
    )
  ),
  Layer.provideMerge(TestHost.layer)
)

/** A caller with every scope, and the id of its token. */
const caller = Effect.fnUntraced(function*(name: string) {
  const tokens = yield* AccessTokens
  const { text, token } = yield* tokens.create({ name, scopes, by: "root" })
  return { id: token.id, text: Redacted.value(text), headers: { authorization: `Bearer ${Redacted.value(text)}` } }
})

/** A new run that has gone as far as it can, whose id begins with this. */
const begun = (id: string) =>
  Effect.gen(function*() {
    const { runId } = yield* (yield* Runs).start("order", { id: `${id} ${canary}` }, { new: true })
    yield* (yield* TestHost).settled
    return runId
  })

/** A run with a step of which nobody knows whether it was done. */
const unknown = Effect.gen(function*() {
  const { backend } = yield* Store
  yield* backend.write([
    start("unknown-run", { workflow: "elsewhere", dueAt: null }),
    commit("unknown-run", 0, [], {
      epoch: 0,
      status: {
        status: "suspended",
        reason: "outcome-unknown",
        waits: "[{\"reason\":\"outcome-unknown\",\"key\":\"pay\"}]"
      },
      release: { dueAt: null }
    })
  ])
  return "unknown-run"
})

/** A run that waits in a store that was put back from a backup. */
const doubted = Effect.gen(function*() {
  const run = yield* begun("waits")
  yield* (yield* Store).backend.write([{ op: "restore", id: "anew1", by: "ops", at: 1, from: null }])
  return run
})

const answered = Effect.gen(function*() {
  const run = yield* begun("asks")
  yield* (yield* Runs).answer(run, { by: "ann", decision: "approve", always: "Ship(now)" })
  const [rule] = yield* (yield* Runs).rules()
  return rule!.id
})

/** A task that waits. */
const queued = Effect.gen(function*() {
  const { task } = yield* (yield* Tasks).enqueue({ kind: "work", payload: canary })
  return task.id
})

type Needs = AccessTokens | RunExports | Runs | Schedules | Store | Tasks | TestHost

/** Ids of runs that are imported. */
let count = 0

/** A request that does something, and the action that it is. */
interface Doing {
  readonly action: string
  readonly asks: Effect.Effect<readonly [path: string, json?: unknown, rest?: Asked], unknown, Needs>
}

const doing = <E>(
  action: string,
  asks: Effect.Effect<readonly [path: string, json?: unknown, rest?: Asked], E, Needs>
): Doing => ({
  action,
  asks
})
const run = (action: string, verb: string, json?: unknown, id = "waits") =>
  doing(action, Effect.map(begun(id), (run) => [`/api/runs/${run}/${verb}`, json] as const))
/** A source of the sender's own secret. */
const declared = {
  description: canary,
  signature: { type: "github", secrets: [{ secret: "GIT" }] },
  mapping: { dedupe: "{{ digest }}" }
}
const source = (verb: string, json?: unknown) =>
  doing(
    `source.${verb}`,
    Effect.gen(function*() {
      const { backend } = yield* Store
      const change = { declaration: JSON.stringify(declared) }
      yield* backend.write([{ op: "source", name: "git", change, by: "ops", at: 0 }])
      return [`/api/sources/git${verb === "remove" ? "" : `/${verb}`}`, json] as const
    })
  )
/** An endpoint, with a delivery that is dead. */
const webhook = (verb: string, json?: unknown, action = `webhook.${verb}`) =>
  doing(
    action,
    Effect.gen(function*() {
      const { backend } = yield* Store
      const lane = `ops-${(yield* backend.endpoints({ limit: 100 })).length}`
      yield* backend.write([Hooked.endpoint(lane, canary)])
      yield* Hooked.dead(backend, { id: `wh_${lane}`, lane, canary })
      return [
        `/api/webhooks/${lane}${verb === "rm" ? "" : `/${verb.replace("DELIVERY", `wh_${lane}`)}`}`,
        json
      ] as const
    })
  )
/** A run with a webhook that could not be told. */
const hooked = Effect.gen(function*() {
  const { backend } = yield* Store
  const run = yield* begun("waits")
  yield* (yield* Runs).tell(run, { url: `https://example.org/${canary}` }, { by: "ops" })
  const { version, ...row } = (yield* backend.endpoint(endpointOfRun(run)))!
  const id = `wh_${run}`
  const health = JSON.stringify({ deliveries: [id] })
  yield* backend.write([{ op: "endpoint", seen: version, row: { ...row, health } }])
  yield* Hooked.dead(backend, { id, lane: row.name, canary, ofRun: true })
  return `/api/runs/${run}/webhook/deliveries/${id}/redeliver`
})
const plain = (action: string, path: string, json: unknown) => doing(action, Effect.succeed([path, json] as const))

/** A schedule of this name. */
const scheduled = Effect.fnUntraced(function*(name: string) {
  const schedules = yield* Schedules
  yield* schedules.put(name, { spec: { everyMs: 3_600_000 }, target: { event: { name: "beat" } } }, { by: "root" })
})
const schedule = (action: string, verb: string, json?: unknown) =>
  doing(
    action,
    Effect.as(scheduled(verb), [`/api/schedules/${verb}${verb === "remove" ? "" : `/${verb}`}`, json] as const)
  )

/** Every route by which somebody does something. A new one has to take its place here. */
const acts: Readonly<Record<string, Doing>> = {
  "runs.start": plain("run.start", "/api/runs", { workflow: "order", input: { id: canary }, title: canary, new: true }),
  "runs.actions": plain("run.start", "/api/runs/actions", {
    action: "cancel",
    filter: { workflow: "nobody" },
    reason: canary
  }),
  "runs.cancel": run("run.cancel", "cancel", { reason: canary }),
  "runs.pause": run("run.pause", "pause"),
  "runs.resume": run("run.resume", "resume"),
  "runs.confirm": doing("run.confirm", Effect.map(doubted, (run) => [`/api/runs/${run}/confirm`] as const)),
  "runs.raise": run("run.raise", "raise", { micros: 5, note: canary }),
  "runs.fork": run("run.fork", "fork", { at: "weigh" }),
  "runs.retry": run("run.retry", "retry", undefined, "fails"),
  "system.reap": doing(
    "workers.reap",
    Effect.gen(function*() {
      const { backend } = yield* Store
      const owner = { id: "gone", expiresAt: -1_000_000, worker: true, info: "{}" }
      yield* backend.write([{ op: "heartbeat", owner }])
      return ["/api/workers/reap", { staleMs: 0 }] as const
    })
  ),
  "steps.settle": doing(
    "run.settle",
    Effect.map(unknown, (run) => [`/api/runs/${run}/steps/pay/settle`, { _tag: "complete", output: canary }] as const)
  ),
  "approvals.answer": run("approval.answer", "answers", { decision: "approve", note: canary }, "asks"),
  "approvals.delegate": run("approval.delegate", "delegations", { to: "carol", note: canary }, "asks"),
  "signals.send": run("run.signal", "signals/go", { payload: canary }),
  "events.emit": plain("event.emit", "/api/events", { name: "order.placed", payload: { id: canary } }),
  "sensors.ingest": plain("sensor.ingest", "/api/sensors/events", { sensor: "mail", dedupe: "k", payload: canary }),
  "sources.put": plain("source.put", "/api/sources/git", declared),
  "sources.remove": source("remove"),
  "sources.pause": source("pause", { note: canary }),
  "sources.resume": source("resume"),
  "webhooks.put": plain("webhook.put", "/api/webhooks/ops", {
    url: `https://example.org/${canary}`,
    events: ["ticket.*"],
    headers: { "x-tenant": canary }
  }),
  "webhooks.remove": webhook("rm"),
  "webhooks.rotate": webhook("rotate", { secret: "NEXT" }),
  "webhooks.pause": webhook("pause"),
  "webhooks.resume": webhook("resume"),
  "webhooks.test": webhook("test"),
  "webhooks.redeliver": webhook("deliveries/DELIVERY/redeliver", undefined, "webhook.redeliver"),
  "webhooks.actions": webhook("deliveries/actions", { action: "redeliver" }, "webhook.redeliver-dead"),
  "runWebhooks.put": run("run.webhook", "webhook", { url: `https://example.org/${canary}` }),
  "runWebhooks.redeliver": doing(
    "webhook.redeliver",
    Effect.map(hooked, (path) => [path] as const)
  ),
  "contracts.add": plain("contract.add", "/api/contracts", {
    schemaVersion: "fermata.contract.v1",
    id: "keeper",
    version: "1.0.0",
    title: "Keeper",
    entryStepId: "keep",
    steps: [{ id: "keep", name: "Keep", kind: "transform", next: null, set: { input: canary } }]
  }),
  "schedules.add": plain("schedule.put", "/api/schedules", {
    name: "added",
    spec: { everyMs: 60_000 },
    target: { workflow: "order", input: { id: canary } },
    note: canary
  }),
  "schedules.put": plain("schedule.put", "/api/schedules/nightly", {
    spec: { cron: "@daily" },
    target: { event: { name: "night", payload: canary } }
  }),
  "schedules.pause": schedule("schedule.pause", "pause"),
  "schedules.resume": schedule("schedule.resume", "resume"),
  "schedules.run": schedule("schedule.run", "run"),
  "schedules.backfill": schedule("schedule.backfill", "backfill", { from: -7_200_000, until: 0 }),
  "schedules.remove": schedule("schedule.remove", "remove"),
  "policy.revoke": doing("rule.revoke", Effect.map(answered, (rule) => [`/api/policy/rules/${rule}`] as const)),
  "spending.raise": plain("day.raise", "/api/spending/raises", { workflow: "order", micros: 7, note: canary }),
  "runs.delete": doing(
    "run.delete",
    Effect.gen(function*() {
      const run = yield* begun("waits")
      yield* (yield* Runs).cancel(run, { by: "ann", reason: canary })
      yield* (yield* TestHost).settled
      return [`/api/runs/${run}`] as const
    })
  ),
  "runs.import": doing(
    "run.import",
    Effect.gen(function*() {
      const run = yield* begun("waits")
      const document = yield* (yield* RunExports).export(run)
      const id = `imported-${(count++)}`
      const [first] = document.runs
      return ["/api/runs/import", { ...document, runs: [{ ...first!, id }] }] as const
    })
  ),
  "runs.prune": plain("run.start", "/api/runs/prune", { filter: { workflow: "nobody" } }),
  "retention.set": plain("retention.set", "/api/retention/rules", { status: "failed", maxAgeMs: 9_000_000 }),
  "retention.unset": doing(
    "retention.unset",
    Effect.as(
      Effect.flatMap(Store, ({ backend }) =>
        backend.write([{
          op: "retain",
          rule: { tenant: null, workflow: "order", status: null },
          row: { tenant: null, workflow: "order", status: null, maxAgeMs: 5, maxCount: null, by: "ann", at: 1 }
        }])),
      ["/api/retention/rules?workflow=order"] as const
    )
  ),
  "tenants.delete": doing("tenant.delete", Effect.succeed(["/api/tenants/beta"] as const)),
  "tenants.limit": plain("tenant.limit", "/api/tenants/acme/quotas", { openRuns: 5 }),
  "tasks.add": plain("task.add", "/api/tasks", { kind: "work", payload: canary }),
  "tasks.queue": plain("task.add", "/api/tasks/queue", { message: canary }),
  "tasks.cancel": doing("task.cancel", Effect.map(queued, (id) => [`/api/tasks/${id}/cancel`, {}] as const)),
  "tasks.retry": doing(
    "task.retry",
    Effect.gen(function*() {
      const id = yield* queued
      yield* (yield* Tasks).cancel(id, { by: "root" })
      return [`/api/tasks/${id}/retry`] as const
    })
  ),
  "queues.configure": plain("queue.configure", "/api/queues/reports", { concurrency: 2 }),
  "queues.pause": plain("queue.pause", "/api/queues/reports/pause", undefined),
  "queues.resume": plain("queue.resume", "/api/queues/reports/resume", undefined),
  "pause.set": plain("dispatch.pause", "/api/pause", { paused: true }),
  "access.createToken": plain("token.create", "/api/tokens", { name: "ci", scopes: ["read"] }),
  "access.removeToken": doing(
    "token.remove",
    Effect.map(caller("gone"), ({ id }) => [`/api/tokens/${id}`] as const)
  ),
  "access.login": doing(
    "token.login",
    Effect.map(caller("carl"), ({ text }) => ["/api/login", { token: text }] as const)
  ),
  "access.logout": doing(
    "token.logout",
    Effect.gen(function*() {
      const { text } = yield* caller("carl")
      const login = yield* (yield* AccessTokens).login(text)
      return ["/api/logout", undefined, { headers: { cookie: `fermata=${Redacted.value(login.text)}` } }] as const
    })
  )
}

/** Routes that are asked as those that write are, and do nothing of their own: what is due is fired anyway. */
const looks = ["contracts.check", "schedules.tick", "sources.test"]

/** What workers elsewhere say as a matter of course: their tasks tell of it, and no audit. */
const traffic = ["queues.lease", "tasks.extend", "tasks.complete", "tasks.fail", "tasks.release"]

const writes = routes.filter(({ method }) => method !== "GET")

/** The request of a route, as this caller. */
const prepared = Effect.fnUntraced(
  function*({ method, name }: Route, who: { readonly headers: Record<string, string> }) {
    const { ask } = yield* Served
    const [path, body, rest] = yield* acts[name]!.asks
    // A question is named by its run and its key.
    const [, , , id, verb] = path.split("/")
    const target = name.startsWith("approvals.")
      ? `/api/approvals/${encodeURIComponent(`${id}/ship`)}/${verb}`
      : path
    return (key?: string, other?: unknown, as: { readonly headers: Record<string, string> } = who) =>
      ask(`${method} ${target}`, {
        ...(body === undefined && other === undefined ? {} : { json: other ?? body }),
        ...rest,
        headers: {
          ...(rest?.headers === undefined ? as.headers : {}),
          ...rest?.headers,
          ...(key === undefined ? {} : { "idempotency-key": key })
        }
      })
  }
)

const lines = Effect.flatMap(Store, ({ backend }) => backend.auditChain(0, 1_000))

describe("the audit of a server", () => {
  it("knows every route by which somebody does something", () => {
    assert.deepStrictEqual(
      writes.map(({ name }) => name).toSorted(),
      [...Object.keys(acts), ...looks, ...traffic].toSorted()
    )
  })

  it.effect("N-54: has one line for each act on each route, with the token of its caller, and nothing that was said", () =>
    Effect.gen(function*() {
      const ann = yield* caller("ann")
      for (const route of writes.filter(({ name }) => ![...looks, ...traffic].includes(name))) {
        const { action } = acts[route.name]!
        const ask = yield* prepared(route, ann)
        const before = (yield* lines).length
        const { status } = yield* ask()
        assert.include([200, 201, 202, 204], status, route.name)
        const [line, ...others] = (yield* lines).slice(before)
        assert.isEmpty(others, route.name)
        const own = route.scope === "anyone"
        assert.deepInclude(
          line,
          { action, who: own ? "carl" : "ann", how: own ? "http" : `http:${ann.id}` },
          route.name
        )
      }
      assert.notInclude(JSON.stringify(yield* lines), canary)
      const audit = yield* AuditLog
      assert.isTrue((yield* audit.verify()).intact)
    }).pipe(Effect.provide(app)))

  it.effect("N-54: a write with an Idempotency-Key is done once, and its caller is given the first answer again", () =>
    Effect.gen(function*() {
      const ann = yield* caller("ann")
      const bob = yield* caller("bob")
      for (const route of writes.filter(({ once }) => once === "request")) {
        const ask = yield* prepared(route, ann)
        const key = `key-${route.name}`
        const first = yield* ask(key)
        assert.include([200, 201], first.status, `${route.name} ${first.text}`)
        assert.isNull(first.headers.get("idempotency-replayed"))
        yield* (yield* TestHost).settled
        const count = (yield* lines).length
        const again = yield* ask(key)
        if (route.name === "access.createToken") {
          // The text of a token is told once.
          assert.deepStrictEqual([again.status, again.at("error._tag")], [409, "AnswerToldOnce"])
          assert.notInclude(again.text, String(first.at("token")).slice(17))
        } else {
          assert.deepStrictEqual([again.status, again.body], [first.status, first.body], route.name)
          assert.strictEqual(again.headers.get("idempotency-replayed"), "true", route.name)
          assert.match(again.headers.get("content-type") ?? "", /^application\/json/)
        }
        const other = yield* ask(key, { another: "body" })
        assert.deepStrictEqual([other.status, other.at("error")], [422, { _tag: "KeyReused", key }], route.name)
        assert.strictEqual((yield* lines).length, count, route.name)
        const ofBob = yield* ask(key, undefined, bob)
        assert.isNull(ofBob.headers.get("idempotency-replayed"), `${route.name}: a key is of its caller alone`)
        assert.notInclude(ofBob.text, "KeyReused")
      }
    }).pipe(Effect.provide(app)))

  it.effect("of two requests of one key at once one acts, and both are given one answer", () =>
    Effect.gen(function*() {
      const ann = yield* caller("ann")
      const route = writes.find(({ name }) => name === "runs.fork")!
      const ask = yield* prepared(route, ann)
      const count = (yield* lines).length
      const answers = yield* Effect.all(Array.from({ length: 5 }, () => ask("k")), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        answers.map(({ body, status }) => [status, body]),
        Array.from({ length: 5 }, () => [201, answers[0]!.body])
      )
      assert.strictEqual(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null).length, 1)
      assert.strictEqual((yield* lines).length, count + 1)
      const mixed = yield* Effect.all([ask("m", { at: "weigh", set: {} }), ask("m")], { concurrency: "unbounded" })
      assert.deepStrictEqual(mixed.map(({ status }) => status).toSorted(), [201, 422])
    }).pipe(Effect.provide(app)))

  it.effect("a key is kept for 24 h, and a refusal under it keeps nothing", () =>
    Effect.gen(function*() {
      const ann = yield* caller("ann")
      const { ask } = yield* Served
      const run = yield* begun("waits")
      const at = (verb: string, json?: unknown) =>
        ask(`POST /api/runs/${run}/${verb}`, {
          ...(json === undefined ? {} : { json }),
          headers: { ...ann.headers, "idempotency-key": "day" }
        })
      assert.strictEqual((yield* at("raise", { micros: -1 })).status, 422)
      assert.strictEqual((yield* at("pause")).status, 200)
      assert.strictEqual((yield* at("resume")).at("error._tag"), "KeyReused")
      const { backend } = yield* Store
      const { hash } = (yield* backend.request("ann", "day"))!
      for (const [key, at] of [["known", 1 - rememberedMs], ["forgotten", -rememberedMs]] as const) {
        const request = { caller: "ann", key, route: "", hash: key, answer: () => "{}" }
        yield* backend.write([{ ...inbox(run, key), act: act(run, { at, request }) }])
      }
      const resumed = (key: string) =>
        ask(`POST /api/runs/${run}/resume`, { headers: { ...ann.headers, "idempotency-key": key } })
      assert.strictEqual((yield* resumed("known")).at("error._tag"), "KeyReused")
      assert.strictEqual((yield* resumed("forgotten")).at("result"), "accepted")
      assert.notStrictEqual((yield* backend.request("ann", "forgotten"))!.hash, hash)
    }).pipe(Effect.provide(app)))

  it.effect("N-54: is given in pages to who has the scope admin, narrowed by who, action, run and time, and is verified", () =>
    Effect.gen(function*() {
      const ann = yield* caller("ann")
      const { ask } = yield* Served
      const runId = yield* begun("waits")
      for (const verb of ["pause", "resume", "pause"]) yield* ask(`POST /api/runs/${runId}/${verb}`, ann)
      const page = yield* ask("GET /api/audit?limit=2&who=ann&action=run.*", ann)
      assert.deepStrictEqual([page.at("lines.0.action"), page.at("lines.1.action"), page.at("lines.2")], [
        "run.pause",
        "run.resume",
        undefined
      ])
      const rest = yield* ask(`GET /api/audit?limit=2&who=ann&action=run.*&after=${page.at("next")}`, ann)
      assert.deepStrictEqual([rest.at("lines.0.action"), rest.at("lines.1"), rest.at("next")], [
        "run.pause",
        undefined,
        undefined
      ])
      assert.strictEqual((yield* ask(`GET /api/audit?run=${runId}&action=run.start`, ann)).at("lines.0.who"), "unknown")
      assert.deepStrictEqual((yield* ask("GET /api/audit?since=1", ann)).body, { lines: [] })
      assert.strictEqual((yield* ask("GET /api/audit?after=x", ann)).at("error.issues.0.path"), "query.after")
      const verdict = yield* ask("GET /api/audit/verify", ann)
      assert.deepInclude(verdict.body as object, { intact: true, lines: (yield* lines).length })
      const head = String(verdict.at("head"))
      assert.strictEqual((yield* ask(`GET /api/audit/verify?head=${head}`, ann)).at("intact"), true)
      const cut = yield* ask(`GET /api/audit/verify?head=${"0".repeat(63)}1`, ann)
      assert.deepStrictEqual([cut.at("intact"), cut.at("fault.kind")], [false, "cut"])
      assert.strictEqual((yield* ask("GET /api/audit/verify?head=none", ann)).status, 400)
      assert.strictEqual((yield* ask("GET /api/audit")).status, 401)
      // The typed client has them too, and a server that is altered says so.
      const client = yield* Client
      assert.strictEqual(typeof client.audit.verify, "function")
    }).pipe(Effect.provide(app)))
})
