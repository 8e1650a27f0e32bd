/** Who is told of what, how it is signed, what becomes of an endpoint that fails; and that nothing is lost or doubled where processes die. */
import { assert, describe, it } from "@effect/vitest"
import type { EndpointSettings } from "@fermata/core/Webhook"
import type { EndpointOp } from "@fermata/engine/Backend"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { outboxRow } from "@fermata/engine/StartRequest"
import * as Step from "@fermata/engine/Step"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { Webhook } from "standardwebhooks"
import { Webhooks } from "../src/index.ts"
import { at, Receivers, secrets, served, told } from "./support/Receivers.ts"

const Job = Workflow.make("job", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
const Other = Workflow.make("other", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
const work = Step.make("work", { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed("done") })
const jobs = Layer.merge(Job.toLayer(() => work()), Other.toLayer(() => work()))

/** Receivers, and a world that tells them. */
const made = () => {
  const receivers = new Receivers()
  const store = MemoryBackend.make(MemoryBackend.makeStore())
  return { receivers, layer: Layer.provideMerge(served(receivers), Layer.provideMerge(jobs, TestHost.layerOf(store))) }
}
const by = { by: "ada" }
const passes = (ms: number) => Effect.flatMap(TestHost, (host) => host.adjust(ms))
const put = (name: string, settings: Partial<EndpointSettings> = {}) =>
  Effect.flatMap(
    Webhooks.Webhooks,
    (webhooks) => webhooks.put(name, { url: at("a"), events: ["**"], ...settings }, by)
  )
const emit = (name: string, payload: Schema.Json = null) =>
  Effect.flatMap(Events, (events) => events.emit(name, payload))

describe("who is told", () => {
  it.effect("of events whose names match, in its tenant, and of runs of its workflow, from its first setting on", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      yield* emit("ticket.created", "before")
      yield* told
      yield* put("all", { events: ["ticket.*", "engine.run.completed"] })
      yield* put("job", { url: at("b"), events: ["engine.run.*"], workflow: "job" })
      yield* CurrentTenant.within("acme")(put("all", { url: at("c") }))
      yield* told
      const created = yield* emit("ticket.created", { n: 1 })
      yield* emit("ticket.created.twice")
      yield* emit("order.created")
      const ofAcme = yield* CurrentTenant.within("acme")(emit("ticket.created", "of acme"))
      const runs = yield* Runs
      const job = yield* runs.start("job", { id: "1" })
      const other = yield* runs.start("other", { id: "1" })
      yield* told
      const [, completed] = receivers.ids().filter((id) => id.startsWith(job.runId) || id.startsWith(other.runId))
      assert.isDefined(completed)
      assert.includeMembers([...receivers.ids()], [created, ofAcme.replace(/^acme~/, "")])
      assert.lengthOf(receivers.ids(), 4)
      const ofJob = receivers.got.filter(({ host }) => host === "b.example.com").map(({ body }) => body.type)
      assert.deepStrictEqual(ofJob, ["engine.run.requested", "engine.run.started", "engine.run.completed"])
      const inAcme = receivers.got.filter(({ host }) => host === "c.example.com")
      assert.deepStrictEqual(inAcme.map(({ body }) => [body.tenant, body.data]), [["acme", "of acme"]])
    }).pipe(Effect.provide(layer))
  })

  it.effect("an endpoint of a tenant is nothing that another sees", () => {
    const { layer } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      yield* CurrentTenant.within("acme")(put("ops"))
      yield* CurrentTenant.within("acme")(webhooks.test("ops", by))
      const [sent] = yield* CurrentTenant.within("acme")(webhooks.deliveries("ops"))
      const beta = CurrentTenant.within("beta")
      for (const name of ["ops", "acme~ops"]) {
        assert.strictEqual((yield* Effect.flip(beta(webhooks.show(name))))._tag, "EndpointNotFound")
      }
      for (const id of [sent!.id, sent!.id.replace("acme~", "")]) {
        assert.strictEqual((yield* Effect.flip(beta(webhooks.delivery(id))))._tag, "DeliveryNotFound")
      }
      assert.isEmpty(yield* CurrentTenant.within("beta")(webhooks.list()))
      assert.lengthOf(yield* webhooks.list(), 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("what is no endpoint is refused in a sentence, and nothing is kept of it", () => {
    const { layer } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      const bad: ReadonlyArray<readonly [string, Partial<EndpointSettings> & object, RegExp]> = [
        ["Ops", {}, /^This webhook is refused: the name of an endpoint is/],
        ["ops", { url: "ftp://a.example.com" }, /url: .*https?/],
        ["ops", { url: "https://user@a.example.com/" }, /url: /],
        ["ops", { url: "https://" }, /url: /],
        ["ops", { events: [] }, /events/],
        ["ops", { events: ["a b"] }, /events\.0: .*pattern over event names/],
        ["ops", { secret: "whsec_abc" as never }, /secret/],
        ["ops", { headers: { "Content-Type": "text/plain" } }, /content-type|Content-Type/],
        ["ops", { headers: { "x-a": "line\nbreak" } }, /headers/],
        ["ops", { retryMs: [] }, /retryMs/],
        ["ops", { retryMs: [-1] }, /retryMs/],
        ["ops", { timeoutMs: 61_000 }, /timeoutMs/],
        ["ops", { colour: "red" } as never, /colour/]
      ]
      for (const [name, settings, expected] of bad) {
        const refused = yield* Effect.flip(webhooks.put(name, { url: at("a"), events: ["a"], ...settings }, by))
        assert.strictEqual(refused._tag, "WebhookRefused", JSON.stringify(settings))
        assert.match(refused.message, expected)
      }
      assert.isEmpty(yield* webhooks.list())
    }).pipe(Effect.provide(layer))
  })
})

describe("how it is told", () => {
  it.effect("an exchanged secret signs beside the one before for as long as was said, each verified by standardwebhooks", () => {
    const { layer, receivers } = made()
    const verified = () => {
      const { headers, text } = receivers.got.at(-1)!
      return (["OLD", "NEW"] as const).filter((name) => {
        try {
          new Webhook(secrets[name]).verify(text, headers)
          return true
        } catch {
          return false
        }
      })
    }
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.now())
      yield* Effect.gen(function*() {
        const webhooks = yield* Webhooks.Webhooks
        yield* put("ops", { secret: { secret: "OLD" } })
        yield* webhooks.test("ops", by)
        yield* told
        assert.deepStrictEqual(verified(), ["OLD"])
        const { secrets: both } = yield* webhooks.rotate("ops", { ...by, secret: { secret: "NEW" }, overlapMs: 60_000 })
        assert.deepStrictEqual(both.map(({ secret }) => secret), ["NEW", "OLD"])
        yield* webhooks.test("ops", by)
        yield* told
        assert.deepStrictEqual(verified(), ["OLD", "NEW"])
        yield* passes(60_000)
        yield* webhooks.test("ops", by)
        yield* told
        assert.deepStrictEqual(verified(), ["NEW"])
        assert.lengthOf((yield* webhooks.show("ops")).secrets, 1)
        assert.isNotEmpty(receivers.got)
      }).pipe(Effect.provide(layer))
    })
  })

  it.effect("without its secret nothing is sent, the delivery waits, and no attempt says what it is", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      yield* put("ops", { secret: { secret: "MISSING" } })
      yield* put("words", { secret: { secret: "WORDS" } })
      const { id } = yield* webhooks.test("ops", by)
      const { id: other } = yield* webhooks.test("words", by)
      yield* told
      assert.isEmpty(receivers.got)
      const page = yield* webhooks.delivery(id)
      assert.strictEqual(page.status, "queued")
      assert.include(page.tried[0]!.error, `there is no secret "MISSING"`)
      const words = yield* webhooks.delivery(other)
      assert.include(words.tried[0]!.error, "it is not base64")
      assert.notInclude(JSON.stringify(words), secrets.WORDS)
      // Its endpoint is not at fault.
      assert.deepInclude(yield* webhooks.show("ops"), { state: "ok", failures: 0 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("where the policy of the process does not let it go, it is dead at once, with what would allow it", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      for (const url of ["https://elsewhere.net/", "https://127.0.0.1/", "http://a.example.com/"]) {
        yield* put("ops", { url })
        const { id } = yield* webhooks.test("ops", by)
        yield* told
        const page = yield* webhooks.delivery(id)
        assert.strictEqual(page.status, "dead", url)
        assert.include(page.error, "the policy allows it by")
      }
      assert.isEmpty(receivers.got)
    }).pipe(Effect.provide(layer))
  })
})

describe("an endpoint that fails", () => {
  it.effect("is left alone after 10 failures, is tried by one request, and holds up nobody else", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      yield* put("bad")
      yield* put("good", { url: at("b") })
      receivers.says = ({ host }) => host === "a.example.com" ? 500 : 200
      for (let n = 0; n < 12; n++) yield* emit("a.b", n)
      yield* told
      assert.deepInclude(yield* webhooks.show("bad"), { state: "open" })
      assert.lengthOf(receivers.ids("b.example.com"), 12)
      const before = receivers.ids().length
      assert.isAtLeast(before, 10)
      assert.isAtMost(before, 13)
      yield* passes(59_000)
      yield* told
      assert.lengthOf(receivers.ids(), before)
      yield* passes(1_000)
      yield* told
      // One of twelve that wait.
      assert.lengthOf(receivers.ids(), before + 1)
      receivers.says = () => 200
      yield* passes(120_000)
      yield* told
      assert.deepInclude(yield* webhooks.show("bad"), { state: "ok", failures: 0 })
      yield* passes(3_600_000)
      const statuses = (yield* webhooks.deliveries("bad")).map(({ status }) => status)
      assert.deepStrictEqual([...new Set(statuses)], ["delivered"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("that has answered 410 is told of nothing more, until somebody resumes it", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      yield* put("ops")
      receivers.says = () => 410
      yield* emit("a.b", 1)
      yield* told
      assert.deepInclude(yield* webhooks.show("ops"), { state: "gone" })
      yield* emit("a.b", 2)
      yield* told
      assert.lengthOf(receivers.got, 1)
      receivers.says = () => 200
      yield* webhooks.resume("ops", by)
      yield* emit("a.b", 3)
      yield* told
      assert.deepStrictEqual(receivers.got.map(({ body }) => body.data), [1, 3])
    }).pipe(Effect.provide(layer))
  })

  it.effect("what a paused endpoint is to be told of waits, and goes out as soon as it is resumed", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      yield* put("ops")
      yield* webhooks.pause("ops", by)
      for (let n = 0; n < 3; n++) yield* emit("a.b", n)
      yield* told
      yield* passes(7_200_000)
      assert.isEmpty(receivers.got)
      assert.lengthOf(yield* webhooks.deliveries("ops", { status: "queued" }), 3)
      yield* webhooks.resume("ops", by)
      yield* told
      assert.deepStrictEqual(receivers.got.map(({ body }) => body.data).toSorted(), [0, 1, 2])
    }).pipe(Effect.provide(layer))
  })

  it.effect("what is on its way to an endpoint that is taken away is dead", () => {
    const { layer, receivers } = made()
    return Effect.gen(function*() {
      const webhooks = yield* Webhooks.Webhooks
      yield* put("ops")
      yield* webhooks.pause("ops", by)
      const { id } = yield* webhooks.test("ops", by)
      yield* webhooks.remove("ops", by)
      yield* told
      assert.isEmpty(receivers.got)
      assert.deepInclude(yield* webhooks.delivery(id), { status: "dead", error: "its endpoint is not there any more" })
    }).pipe(Effect.provide(layer))
  })
})

/** Time passes, by both clocks. */
const passed = (world: CrashHost.World, ms: number) =>
  Effect.gen(function*() {
    yield* world.adjustHost(ms)
    yield* TestClock.adjust(ms)
    yield* world.look
  })

/** So many times everybody has their turn. */
const turns = (world: CrashHost.World, count: number) => Effect.replicateEffect(passed(world, 6_000), count)

describe("where processes die", () => {
  /** An endpoint, as another process has set it. */
  const endpoint: EndpointOp = {
    op: "endpoint",
    seen: null,
    row: {
      name: "ops",
      run: null,
      isOpen: true,
      settings: JSON.stringify({ url: at("a"), events: ["ticket.*"], secrets: [] }),
      health: JSON.stringify({ state: "ok", failures: 0, opened: 0, until: 0, paused: false, gone: false, dropped: 0 }),
      since: null,
      by: "ada",
      createdAt: 0,
      updatedAt: 0
    }
  }
  const events = Array.from({ length: 3 }, (_, n) => ({ id: `event-${n}`, name: "ticket.created", payload: { n } }))

  it.effect("at whichever write, every event arrives, and whatever arrives twice has one id", () =>
    Effect.gen(function*() {
      let crashes = 0
      for (let count = 1, isOver = false; !isOver; count++) {
        for (const when of ["before", "after"] as const) {
          const receivers = new Receivers()
          const world = yield* CrashHost.make
          const layer = Layer.provideMerge(served(receivers), jobs)
          const first = yield* world.start(layer)
          yield* world.look
          yield* world.backend.write([endpoint])
          first.killAt(count, when, "every")
          yield* world.backend.write([{ op: "publish", rows: events.map(outboxRow) }])
          for (let n = 0; n < 10 && !first.killed() && receivers.got.length < events.length; n++) {
            yield* passed(world, 500)
          }
          yield* passed(world, 500)
          if (first.killed()) crashes++
          else isOver = true
          const second = first.killed() ? yield* world.restart(first, layer) : first
          // The leases of the one before end.
          if (first.killed()) yield* TestClock.adjust(70_000)
          for (let n = 0; n < 20 && new Set(receivers.ids()).size < events.length; n++) yield* passed(world, 1_000)
          yield* passed(world, 500)
          const label = `${when} write ${count}`
          assert.deepStrictEqual([...new Set(receivers.ids())].toSorted(), events.map(({ id }) => id), label)
          const messages = new Set(receivers.got.map(({ headers }) => headers["webhook-id"]))
          assert.strictEqual(messages.size, events.length, label)
          // A request that was sent and not recorded is the only one that is sent again.
          assert.isAtMost(receivers.got.length, events.length + (first.killed() ? events.length : 0), label)
          yield* second.kill
        }
      }
      assert.isAbove(crashes, 10)
    }))

  it.effect("two processes that work for webhooks at once tell each event once", () =>
    Effect.gen(function*() {
      const receivers = new Receivers()
      const world = yield* CrashHost.make
      const layer = Layer.provideMerge(served(receivers), jobs)
      const hosts = [yield* world.start(layer), yield* world.start(layer)]
      yield* world.backend.write([endpoint])
      for (const event of events) {
        yield* world.backend.write([{ op: "publish", rows: [outboxRow(event)] }])
        yield* turns(world, 3)
        // So that now the one reads and now the other.
        yield* passed(world, 25_000)
      }
      assert.deepStrictEqual(receivers.ids().toSorted(), events.map(({ id }) => id))
      for (const host of hosts) yield* host.kill
    }))
})
