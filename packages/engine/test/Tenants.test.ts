import { assert, describe, it } from "@effect/vitest"
import * as Tenant from "@fermata/core/Tenant"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { AccessTokens } from "../src/AccessTokens.ts"
import * as Approval from "../src/Approval.ts"
import { AuditLog } from "../src/AuditLog.ts"
import { Bulk } from "../src/Bulk.ts"
import * as CurrentTenant from "../src/CurrentTenant.ts"
import { sha256Hex } from "../src/Digest.ts"
import { Events } from "../src/Events.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as StandingRules from "../src/StandingRules.ts"
import * as Step from "../src/Step.ts"
import { Tenants } from "../src/Tenants.ts"
import { define } from "./support/Program.ts"

const Go = Signal.make("go")
const Child = define("child")
const Order = define("order")
const Shop = define("shop")
const Fails = define("fails")
const scope = { agent: "clerk", workspace: "" }

const look = Step.make("look", {
  success: Schema.Array(Schema.String),
  onCrash: "rerun",
  run: () =>
    Effect.flatMap(Runs, (runs) => runs.list()).pipe(
      Effect.map((rows) => rows.map(({ id }) => id)),
      Effect.orDie
    )
})
const fail = Step.make("fail", { error: Schema.String, onCrash: "rerun", run: () => Effect.fail("no") })
const rules = Step.make("rules", {
  success: Schema.Int,
  onCrash: "rerun",
  run: () => Effect.map(Effect.orDie(StandingRules.of(scope)), ({ length }) => length)
})

const app = Layer.mergeAll(
  Child.toLayer(() => Effect.as(Signal.receive(Go), "child")),
  Order.toLayer(() => Signal.receive(Go)),
  Fails.toLayer(() => Effect.orDie(fail())),
  Shop.toLayer(({ id }) =>
    Effect.gen(function*() {
      const known = yield* rules()
      yield* Effect.orDie(Effect.flatMap(Events, (events) => events.emit("shop.opened", { id }, { id: "opened" })))
      yield* Effect.orDie(Approval.ask("sell", {
        prompt: "Sell?",
        approvers: ["ann"],
        standing: { ...scope, rules: ["Sell(all)"] }
      }))
      return { known, seen: yield* look(), child: yield* Child.execute({ id }) }
    })
  )
).pipe(
  Layer.provideMerge(
    Layer.mergeAll(Runs.layer, Events.layer, AuditLog.layer, Bulk.layer, Tenants.layer, AccessTokens.layer)
  ),
  Layer.provideMerge(TestHost.layer)
)

const test = (title: string, body: Effect.Effect<void, unknown, Layer.Success<typeof app>>) =>
  it.effect(title, () => Effect.provide(body, app))

const acme = CurrentTenant.within("acme")
const beta = CurrentTenant.within("beta")
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const start = (workflow: string, id: string, options = {}) =>
  Effect.flatMap(Runs, (runs) => Effect.map(runs.start(workflow, { id }, options), ({ runId }) => runId))
const listed = Effect.flatMap(Runs, (runs) => Effect.map(runs.list(), (rows) => rows.map(({ id }) => id)))
const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ _tag }) => _tag)

describe("names of tenants", () => {
  it("stand before ids, once, and are told from them again", () => {
    assert.strictEqual(Tenant.qualify("acme", "1f"), "acme~1f")
    assert.strictEqual(Tenant.qualify("acme", "acme~1f"), "acme~1f")
    assert.strictEqual(Tenant.qualify(undefined, "1f"), "1f")
    assert.strictEqual(Tenant.of("acme~1~2"), "acme")
    assert.strictEqual(Tenant.local("acme~1~2"), "1~2")
    for (const id of ["1f", "~1", "Acme~1", "-a~1", "a-~1", `${"a".repeat(64)}~1`, "call-model"]) {
      assert.isUndefined(Tenant.of(id), id)
      assert.strictEqual(Tenant.local(id), id)
    }
    assert.isTrue(Tenant.isName("a".repeat(63)))
  })

  test(
    "a name that no tenant can have is a defect of the program",
    Effect.gen(function*() {
      const exit = yield* Effect.exit(CurrentTenant.within("Acme!")(listed))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})

describe("runs of tenants", () => {
  test(
    "N-17: of one key there is one run in each tenant and one in none, and each finds its own alone",
    Effect.gen(function*() {
      const runs = yield* Runs
      const none = yield* start("order", "7")
      const a = yield* acme(start("order", "7"))
      const b = yield* beta(start("order", "7"))
      assert.deepStrictEqual([a, b], [`acme~${none}`, `beta~${none}`])
      assert.deepStrictEqual(yield* acme(start("order", "7")), a)
      yield* settled
      assert.deepStrictEqual(yield* acme(listed), [a])
      assert.deepStrictEqual(yield* beta(listed), [b])
      assert.deepStrictEqual(yield* listed, [b, a, none])
      assert.deepStrictEqual((yield* runs.list({ tenant: "acme" })).map(({ id, tenant }) => [id, tenant]), [[
        a,
        "acme"
      ]])
      // In its tenant a run is found without the name of that; by its whole id no other is.
      assert.strictEqual((yield* acme(runs.find(none.slice(0, 8)))).id, a)
      assert.strictEqual((yield* runs.find(a)).id, a)
      assert.strictEqual(yield* tagOf(acme(runs.find(b))), "RunNotFound")
      const missed = yield* Effect.flip(acme(runs.find("none")))
      assert.deepInclude(missed, { _tag: "RunNotFound", run: "none" })
      assert.notInclude(JSON.stringify(missed), "beta")
      assert.deepStrictEqual((yield* acme(runs.census)).byStatus, { suspended: 1 })
      assert.deepStrictEqual((yield* runs.census).byStatus, { suspended: 3 })
    })
  )

  test(
    "N-17: no verb reaches a run of another tenant",
    Effect.gen(function*() {
      const runs = yield* Runs
      const a = yield* acme(start("shop", "1"))
      yield* settled
      const by = "eve"
      const verbs: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        runs.find(a),
        runs.show(a),
        runs.steps(a),
        runs.journal(a),
        runs.artifacts(a),
        runs.artifact(a, "x"),
        Stream.runDrain(runs.follow(a)),
        runs.cancel(a, { by, reason: "" }),
        runs.pause(a, { by }),
        runs.resume(a, { by }),
        runs.confirm(a, { by }),
        runs.retry(a),
        runs.settle(a, "look", { by, action: { _tag: "retry" } }),
        runs.signal(a, "go", null),
        runs.raise(a, { by, micros: 1 }),
        runs.sample(a, { reason: "signal", key: "go" }),
        runs.approvals({ run: a }),
        runs.approval(`${a}/sell`),
        runs.answer(`${a}/sell`, { by: "ann", decision: "approve" }),
        runs.delegate(a, { by: "ann", to: "eve" }),
        runs.fork(a, { at: "rules" }),
        runs.diff(a, a),
        runs.list({ parent: a }),
        runs.list({ root: a }),
        runs.list({ before: a })
      ]
      for (const verb of verbs) assert.strictEqual(yield* tagOf(beta(verb)), "RunNotFound")
      const entries = yield* runs.journal(a)
      assert.strictEqual((yield* runs.find(a)).status, "suspended")
      assert.strictEqual(entries.at(-1)!._tag, "RunSuspended")
      assert.isEmpty(yield* beta(runs.approvals()))
      assert.lengthOf(yield* acme(runs.approvals()), 1)
    })
  )

  test(
    "what a run asks for is of its tenant: its children, what its steps see, its events and its rules",
    Effect.gen(function*() {
      const runs = yield* Runs
      const engine = yield* WorkflowEngine
      const a = yield* acme(start("shop", "1"))
      const b = yield* beta(start("shop", "1"))
      const none = yield* start("shop", "1")
      yield* settled
      yield* acme(runs.answer(a, { by: "ann", decision: "approve", always: "Sell(all)" }))
      yield* beta(runs.answer(b, { by: "ann", decision: "approve", always: "Sell(all)" }))
      yield* runs.answer(none, { by: "ann", decision: "approve" })
      yield* settled
      const [child] = (yield* runs.show(a)).children
      assert.strictEqual(Tenant.of(child!.child), "acme")
      assert.strictEqual((yield* runs.find(child!.child)).parent, a)
      for (const run of yield* runs.list({ workflow: "child" })) yield* runs.signal(run.id, "go", null)
      yield* settled
      const output = (yield* runs.show(a)).output as { readonly seen: ReadonlyArray<string> }
      assert.deepStrictEqual(output, { known: 0, seen: [a], child: "child" } as never)
      assert.lengthOf(((yield* runs.show(none)).output as typeof output).seen, 4)

      const events = yield* Events
      const kept = yield* acme(events.kept({ limit: 9 }))
      assert.deepStrictEqual(kept.map(({ id, name, tenant }) => [id, name, tenant]), [[
        "acme~opened",
        "shop.opened",
        "acme"
      ]])
      assert.lengthOf(yield* events.kept({ limit: 9 }), 3)
      assert.lengthOf(yield* events.kept({ limit: 9, name: "shop.opened" }), 1)

      assert.deepStrictEqual((yield* acme(runs.rules())).map(({ agent, runId }) => [agent, runId]), [["clerk", a]])
      assert.lengthOf(yield* runs.rules(), 2)
      const [rule] = yield* beta(runs.rules({ agent: "clerk" }))
      assert.strictEqual(yield* tagOf(acme(runs.revoke(rule!.id))), "RuleNotFound")
      const second = yield* acme(start("shop", "2"))
      yield* settled
      assert.deepInclude((yield* runs.steps(second)).find(({ key }) => key === "rules"), { status: "completed" })
      assert.strictEqual((yield* runs.show(second)).steps.find(({ key }) => key === "rules")?.output, 1)
      assert.isTrue(Option.isSome(yield* acme(engine.poll(Shop, a.slice("acme~".length)))))
    })
  )

  test(
    "N-17: a large value is given by its hash to whoever runs the store, and to no tenant",
    Effect.gen(function*() {
      const runs = yield* Runs
      const id = "x".repeat(70_000)
      const a = yield* acme(start("order", id))
      const hash = yield* sha256Hex(JSON.stringify({ id }))
      assert.isTrue(Option.isSome(yield* runs.blob(hash)))
      assert.isTrue(Option.isNone(yield* acme(runs.blob(hash))))
      assert.deepStrictEqual((yield* acme(runs.show(a))).payload, { id })
    })
  )

  test(
    "a program in a tenant executes, polls and interrupts by the ids that its workflow gives",
    Effect.gen(function*() {
      const id = yield* acme(Order.execute({ id: "1" }, { discard: true }))
      const own = yield* Order.executionId({ id: "1" })
      yield* settled
      assert.strictEqual(id, `acme~${own}`)
      assert.isTrue(Option.isSome(yield* acme(Order.poll(own))))
      assert.isTrue(Option.isNone(yield* beta(Order.poll(own))))
      assert.isTrue(Option.isNone(yield* Order.poll(own)))
      yield* acme(Order.resume(own))
      const waiting = yield* Effect.forkChild(acme(Child.execute({ id: "1" })))
      yield* settled
      yield* acme(
        Effect.flatMap(
          Runs,
          (runs) => Effect.flatMap(Child.executionId({ id: "1" }), (child) => runs.signal(child, "go", null))
        )
      )
      yield* settled
      assert.strictEqual(yield* Fiber.join(waiting), "child")
    })
  )

  test(
    "a fork, a retry and a bulk act stay in the tenant of what they are about",
    Effect.gen(function*() {
      const runs = yield* Runs
      const bulk = yield* Bulk
      const failed = yield* acme(start("fails", "1"))
      const a = yield* acme(start("shop", "1"))
      const b = yield* beta(start("shop", "1"))
      yield* settled
      const fork = yield* runs.fork(a, { at: "rules" })
      const retry = yield* runs.retry(failed)
      assert.deepStrictEqual([fork.runId, retry.runId].map(Tenant.of), ["acme", "acme"])
      assert.isTrue((yield* acme(runs.retry(failed))).joined)
      assert.strictEqual((yield* acme(bulk.preview({ action: "cancel", filter: {} }))).matched, 3)
      const { matched, runId } = yield* acme(bulk.start({ action: "cancel", filter: {} }, { by: "ada" }))
      assert.deepStrictEqual([matched, Tenant.of(runId)], [3, "acme"])
      yield* acme(bulk.start({ action: "cancel", ids: [b, a] }, { by: "ada" }))
      yield* settled
      assert.strictEqual((yield* runs.find(a)).status, "cancelled")
      assert.strictEqual((yield* runs.find(b)).status, "suspended")
    })
  )
})

describe("quotas of tenants", () => {
  test(
    "N-64: a tenant that has as many open runs as it may have gets no other, until one has ended or its quota is raised",
    Effect.gen(function*() {
      const runs = yield* Runs
      const tenants = yield* Tenants
      const failed = yield* acme(start("fails", "1"))
      yield* settled
      yield* tenants.limit("acme", { openRuns: 2 }, { by: "ops" })
      const a = yield* acme(start("order", "1"))
      yield* acme(start("order", "2"))
      const refused = yield* Effect.flip(acme(start("order", "3")))
      assert.deepInclude(refused, { _tag: "QuotaReached", tenant: "acme", most: 2 })
      assert.include(String((refused as Error).message), "as many as it may have")
      // The run of a key that is there is joined, and those of others are not held.
      assert.strictEqual(yield* acme(start("order", "1")), a)
      yield* beta(start("order", "3"))
      yield* start("order", "3")
      assert.strictEqual(yield* tagOf(acme(runs.retry(failed))), "QuotaReached")
      assert.strictEqual(yield* tagOf(acme(runs.fork(failed, { at: "fail" }))), "QuotaReached")
      assert.lengthOf(yield* acme(listed), 3)
      // Whoever is full can still end what it has.
      yield* acme(Effect.flatMap(Bulk, (bulk) => bulk.start({ action: "cancel", ids: [a] }, { by: "ada" })))
      yield* settled
      yield* acme(start("order", "3"))
      assert.deepInclude(yield* tenants.find("acme"), { openRuns: 2, quotas: { openRuns: 2 }, by: "ops" })
      yield* tenants.limit("acme", {}, { by: "ops" })
      yield* acme(start("order", "4"))
      assert.deepStrictEqual((yield* tenants.list).map(({ name, quotas }) => [name, quotas]), [["acme", {}], [
        "beta",
        {}
      ]])
      assert.strictEqual(yield* tagOf(tenants.limit("A b", {}, { by: "ops" })), "TenantRefused")
    })
  )

  it.effect("N-64: of many starts at once, in several processes, there are so many as the quota has room for", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const process = Layer.build(
        Layer.mergeAll(Runs.layer, Tenants.layer).pipe(
          Layer.provideMerge(Order.toLayer(() => Signal.receive(Go))),
          Layer.provideMerge(TestHost.layerOf(MemoryBackend.make(store)))
        )
      )
      const processes = [yield* process, yield* process]
      yield* Effect.provide(
        Effect.flatMap(Tenants, (tenants) => tenants.limit("acme", { openRuns: 3 }, { by: "ops" })),
        processes[0]!
      )
      const exits = yield* Effect.forEach(
        Array.from({ length: 16 }, (_, index) => index),
        (index) => Effect.exit(Effect.provide(acme(start("order", `${index}`)), processes[index % 2]!)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(exits.filter(Exit.isSuccess), 3)
      assert.lengthOf(yield* Effect.provide(acme(listed), processes[1]!), 3)
    }).pipe(Effect.scoped))

  test(
    "children are counted and never refused: a run that has begun comes to its end",
    Effect.gen(function*() {
      const runs = yield* Runs
      yield* Effect.flatMap(Tenants, (tenants) => tenants.limit("acme", { openRuns: 1 }, { by: "ops" }))
      const a = yield* acme(start("shop", "1"))
      yield* settled
      yield* acme(runs.answer(a, { by: "ann", decision: "approve" }))
      yield* settled
      assert.deepInclude(yield* Effect.flatMap(Tenants, (tenants) => tenants.find("acme")), { openRuns: 2 })
    })
  )
})

describe("events of tenants", () => {
  test(
    "are told in their tenant and to whoever runs the store, one id in each of them",
    Effect.gen(function*() {
      const events = yield* Events
      const hear = Effect.fnUntraced(function*(tenant: string | undefined) {
        const heard: Array<string> = []
        const follow = Stream.runForEach(
          events.subscribe("**"),
          ({ id, name }) => Effect.sync(() => void heard.push(`${name} ${id.replace(/[0-9a-f]{32}.*/, "…")}`))
        )
        yield* Effect.forkChild(tenant === undefined ? follow : CurrentTenant.within(tenant)(follow), {
          startImmediately: true
        })
        return heard
      })
      const all = yield* hear(undefined)
      const a = yield* hear("acme")
      const b = yield* hear("beta")
      yield* settled
      assert.strictEqual(yield* acme(events.emit("order.paid", 1, { id: "e" })), "acme~e")
      yield* beta(events.emit("order.paid", 2, { id: "e" }))
      yield* beta(events.emit("order.paid", 2, { id: "e" }))
      yield* events.emit("order.paid", 3, { id: "e" })
      yield* acme(start("fails", "1"))
      yield* settled
      assert.deepStrictEqual(b, ["order.paid beta~e"])
      assert.deepStrictEqual(a.slice(0, 2), ["order.paid acme~e", "engine.run.requested acme~…"])
      assert.strictEqual(all.filter((one) => one.startsWith("order.paid")).length, 3)
    })
  )

  test(
    "that answer a question answer those of their tenant alone",
    Effect.gen(function*() {
      const runs = yield* Runs
      const events = yield* Events
      const a = yield* acme(start("shop", "1"))
      yield* settled
      const answer = (runId: string) => events.emit("engine.approval.granted", { runId, stepId: "sell", by: "ann" })
      yield* beta(answer(a))
      yield* settled
      assert.strictEqual((yield* runs.show(a)).approvals[0]?.status, "open")
      yield* acme(answer(Tenant.local(a)))
      yield* settled
      assert.strictEqual((yield* runs.show(a)).approvals[0]?.status, "granted")
    })
  )
})

describe("the audit and tokens of tenants", () => {
  test(
    "N-17, N-54: a line says in which tenant something was done, in the chain, and a token of a tenant is listed there alone",
    Effect.gen(function*() {
      const audit = yield* AuditLog
      const tokens = yield* AccessTokens
      const runs = yield* Runs
      const a = yield* acme(start("order", "1"))
      yield* runs.pause(a, { by: "ops" })
      yield* start("order", "1")
      const { token } = yield* acme(tokens.create({ name: "ada", scopes: ["admin"], by: "root" }))
      yield* tokens.create({ name: "bob", scopes: ["admin"], by: "root", tenant: "beta" })
      yield* tokens.create({ name: "root", scopes: ["admin"], by: "root" })
      assert.strictEqual(token.tenant, "acme")
      const lines = yield* audit.list({ tenant: "acme" })
      assert.deepStrictEqual(lines.map(({ action, tenant }) => `${action} ${tenant}`), [
        "token.create acme",
        "run.pause acme",
        "run.start acme"
      ])
      assert.isTrue((yield* audit.verify()).intact)
      assert.deepStrictEqual((yield* beta(tokens.list())).map(({ name }) => name), ["bob"])
      assert.lengthOf(yield* tokens.list(), 3)
      assert.strictEqual(yield* tagOf(beta(tokens.remove(token.id))), "AccessTokenNotFound")
      const eve = { name: "eve", scopes: ["admin"], by: "eve", tenant: "acme" } as const
      assert.include((yield* Effect.flip(beta(tokens.create(eve)))).message, "of the tenant beta")
      assert.include((yield* Effect.flip(tokens.create({ ...eve, tenant: "A" }))).message, "lower-case")
    })
  )
})
