/** Webhooks out: what users of other engines find here. Real requests go to a real receiver on this machine. */
import { assert, describe, it } from "@effect/vitest"
import { AgentResponse, AgentState } from "@fermata/agent"
import type { RunWebhook } from "@fermata/core/Webhook"
import * as Approval from "@fermata/engine/Approval"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Webhooks } from "@fermata/operations/Webhooks"
import * as WebhookSignature from "@fermata/operations/WebhookSignature"
import * as AgentBodies from "@fermata/server/AgentBodies"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { createServer } from "node:net"
import { Webhook } from "standardwebhooks"
import { answer, call, calls, inTurn, over, withTools } from "./AgentWorld.ts"
import * as World from "./WebhookWorld.ts"

/** A workflow that is done, fails, asks somebody, or waits for a signal, as its id says. */
const Job = Workflow.make("job", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})
const work = Step.make("work", { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed("the work") })
const jobs = Job.toLayer(({ id }) =>
  Effect.gen(function*() {
    const done = yield* work()
    if (id.startsWith("asks")) {
      yield* Effect.orDie(Approval.ask("ship", { prompt: "Ship it?", approvers: ["ann"] }))
    }
    if (id.startsWith("waits")) yield* Signal.receive(Signal.make("go"))
    if (id.startsWith("fails")) return yield* Effect.fail("no funds")
    return { done }
  })
)

const world = Layer.suspend(() => {
  const backend = MemoryBackend.make(MemoryBackend.makeStore())
  return World.worldOn(Layer.provideMerge(jobs, TestHost.layerOf(backend)))
})

/** A test in that world. What is signed there is signed now, since receivers go by their own clocks. */
const proves = (title: string, body: Effect.Effect<void, unknown, World.World | import("effect/Scope").Scope>) =>
  it.effect(title, () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.now())
      yield* Effect.provide(body, world)
    }))

/** A run of that workflow that tells a webhook, as far as it goes by itself. */
const started = (id: string, webhook: RunWebhook) =>
  Effect.gen(function*() {
    const { runId } = yield* (yield* Runs).start("job", { id }, { webhook })
    yield* World.told
    return runId
  })

/** What is known of the webhook of a run. */
const stateOf = (run: string) => Effect.map(Effect.flatMap(Runs, (runs) => runs.webhook(run)), Option.getOrThrow)

const passes = (ms: number) => Effect.flatMap(TestHost, (host) => host.adjust(ms))

const lamachina: WebhookSignature.Scheme = {
  type: "hmac",
  header: "X-LaMachina-Signature",
  prefix: "sha256=",
  timestamp: { header: "X-LaMachina-Timestamp", unit: "ms" }
}

const headersOf = ({ headers }: World.Got) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))

describe("the webhook of a run", () => {
  proves(
    "M-160: tells that a run is paused, done or failed, unless it names its events",
    Effect.gen(function*() {
      const { got, url } = yield* World.receiver()
      const told = (id: string, events?: RunWebhook["events"]) =>
        Effect.gen(function*() {
          const runId = yield* started(id, { url, profile: "lamachina", ...(events === undefined ? {} : { events }) })
          return runId
        })
      const events = () => got.map(({ headers }) => headers["x-lamachina-event"])
      yield* told("one")
      yield* World.sent(1)
      yield* told("fails")
      yield* World.sent(1)
      yield* told("asks")
      yield* World.sent(1)
      assert.deepStrictEqual(events(), ["status.done", "status.failed", "status.paused"])
      // Those that are not chosen are not sent.
      yield* told("asks-2", ["done"])
      yield* told("fails-2", ["done"])
      yield* told("two", ["done", "failed"])
      yield* World.sent(1)
      assert.deepStrictEqual(events().slice(3), ["status.done"])
      const runs = yield* Runs
      const waits = yield* told("waits", ["cancelled"])
      yield* runs.cancel(waits, { by: "ada", reason: "enough" })
      yield* World.told
      yield* World.sent(1)
      assert.deepStrictEqual(events().slice(4), ["status.cancelled"])
    })
  )

  it.effect("M-161: is sent the response of the agent as JSON, by POST, when it asks and when it is done", () => {
    const Publish = Tool.make("Publish", { parameters: Schema.Struct({ page: Schema.Int }), success: Schema.String })
    const { layer } = withTools(Toolkit.make(Publish), { Publish: () => Effect.succeed("it is out") })
    const agents = over(
      { m: inTurn(calls(call("p", "Publish", { page: 3 })), answer("that is all")) },
      TestHost.layer,
      [layer]
    )
    return Effect.gen(function*() {
      const { got, url } = yield* World.receiver()
      const runs = yield* Runs
      const { runId } = yield* runs.start("agent", { id: "1", input: "go" }, { webhook: { url } })
      yield* World.told
      yield* World.sent(1)
      const read = ({ body }: World.Got) => Schema.decodeSync(Schema.fromJsonString(AgentResponse.AgentResponse))(body)
      const paused = read(got[0]!)
      assert.deepInclude(paused, { runId, status: "paused" })
      assert.deepInclude(paused.meta, { agent: "agent", pauseReason: "gate_required" })
      assert.deepInclude(paused.meta.pendingCall, { toolName: "Publish", input: { page: 3 } })
      yield* runs.answer(runId, { by: "operator", decision: "approve" })
      yield* World.told
      yield* World.sent(1)
      assert.deepStrictEqual(read(got[1]!), yield* AgentResponse.of(runId))
      assert.deepInclude(read(got[1]!), { status: "done", data: "that is all" })
      assert.deepStrictEqual(got.map(({ method }) => method), ["POST", "POST"])
    }).pipe(
      Effect.provide(Layer.suspend(() => World.worldOn(agents, AgentBodies.layer(() => ["agent"]))))
    )
  })

  proves(
    "M-162, M-163, M-164, M-165, M-166: the headers of the profile say what, of which run, which attempt and when",
    Effect.gen(function*() {
      const receiver = yield* World.receiver(500)
      const run = yield* started("one", { url: receiver.url, profile: "lamachina" })
      yield* World.sent(1)
      yield* passes(10_000)
      yield* World.sent(1)
      const now = yield* Clock.currentTimeMillis
      assert.lengthOf(receiver.got, 2)
      for (const [index, { headers, method }] of receiver.got.entries()) {
        assert.strictEqual(method, "POST")
        assert.strictEqual(headers["content-type"], "application/json")
        assert.strictEqual(headers["x-lamachina-event"], "status.done")
        assert.strictEqual(headers["x-lamachina-runid"], run)
        assert.match(
          String(headers["x-lamachina-delivery"]),
          /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
        )
        assert.strictEqual(headers["x-lamachina-timestamp"], String(now - (index === 0 ? 10_000 : 0)))
      }
      const [first, second] = receiver.got.map(({ headers }) => headers)
      assert.notStrictEqual(first!["x-lamachina-delivery"], second!["x-lamachina-delivery"])
      // The message is the same one.
      assert.strictEqual(first!["webhook-id"], second!["webhook-id"])
    })
  )

  proves(
    "M-167: is signed by HMAC over time and body where it has a secret, and not where it has none",
    Effect.gen(function*() {
      const { got, url } = yield* World.receiver()
      yield* started("one", { url, profile: "lamachina", secret: { secret: "PLAIN" } })
      yield* started("two", { url, profile: "lamachina" })
      yield* World.sent(2)
      const signed = got.find(({ headers }) => "x-lamachina-signature" in headers)!
      const secret = Redacted.make(World.secrets["PLAIN"]!)
      yield* WebhookSignature.verify(lamachina, [secret], { headers: headersOf(signed), body: signed.body })
      const forged = yield* Effect.flip(
        WebhookSignature.verify(lamachina, [secret], { headers: headersOf(signed), body: `${signed.body} ` })
      )
      assert.strictEqual(forged._tag, "SignatureRefused")
      assert.lengthOf(got.filter(({ headers }) => "x-lamachina-signature" in headers), 1)
      assert.lengthOf(got.filter(({ headers }) => "webhook-signature" in headers), 0)
    })
  )

  proves(
    "M-168: headers of one's own go along, also such as a secret holds, and none that the sender sets",
    Effect.gen(function*() {
      const { got, url } = yield* World.receiver()
      const run = yield* started("one", {
        url,
        headers: { "X-Tenant": "acme", Authorization: { secret: "TOKEN" } }
      })
      yield* World.sent(1)
      assert.strictEqual(got[0]!.headers["x-tenant"], "acme")
      assert.strictEqual(got[0]!.headers["authorization"], World.secrets["TOKEN"])
      assert.notInclude(JSON.stringify(yield* stateOf(run)), "t0p-s3cret")
      for (const name of ["Content-Length", "host", "webhook-id", "X-LaMachina-Event", "Transfer-Encoding", "a b"]) {
        const refused = yield* Effect.flip((yield* Runs).start("job", { id: "no" }, {
          webhook: { url, headers: { [name]: "x" } }
        }))
        assert.strictEqual(refused._tag, "StartRefused", name)
        assert.include(refused.message, name)
      }
    })
  )

  proves(
    "M-169, M-175, M-158: is tried at once, after 10 s, 60 s, 5 min and 30 min, and then no more; each attempt is in the state of the run",
    Effect.gen(function*() {
      const receiver = yield* World.receiver(500)
      const run = yield* started("one", { url: receiver.url, secret: { secret: "HOOK" }, headers: { "x-a": "b" } })
      yield* World.sent(1)
      for (const [index, ms] of [10_000, 60_000, 300_000, 1_800_000].entries()) {
        yield* passes(ms - 1)
        assert.lengthOf(receiver.got, index + 1)
        yield* passes(1)
        yield* World.sent(1)
        assert.lengthOf(receiver.got, index + 2)
        if (index === 1) {
          const { deliveries } = yield* stateOf(run)
          assert.lengthOf(deliveries, 3)
        }
      }
      yield* passes(86_400_000)
      assert.lengthOf(receiver.got, 5)
      const state = yield* stateOf(run)
      assert.deepStrictEqual({ ...state, deliveries: [] }, {
        url: receiver.url,
        events: ["paused", "done", "failed"],
        secret: { secret: "HOOK" },
        headers: { "x-a": "b" },
        profile: "standard",
        deliveries: []
      })
      assert.deepStrictEqual(
        state.deliveries.map(({ attempt, error, event, httpCode, status }) => ({
          attempt,
          error,
          event,
          httpCode,
          status
        })),
        [1, 2, 3, 4, 5].map((attempt) => ({
          attempt,
          error: "the receiver has answered 500" as string | undefined,
          event: "status.done",
          httpCode: 500 as number | undefined,
          status: "failed" as const
        }))
      )
      assert.strictEqual(new Set(state.deliveries.map(({ id }) => id)).size, 5)
      assert.notInclude(JSON.stringify(state), World.secrets["HOOK"]!)
      // What an agent that looks is told has it too.
      assert.deepStrictEqual((yield* AgentState.of(run)).webhook, state)
    })
  )

  proves(
    "M-170, M-172, M-173: 2xx has arrived, 410 and every other 4xx is not tried again",
    Effect.gen(function*() {
      const receiver = yield* World.receiver()
      for (const [index, status] of [200, 204, 299, 410, 404, 400, 401].entries()) {
        receiver.says = status
        const run = yield* started(`one-${status}`, { url: receiver.url })
        yield* World.sent(1)
        yield* passes(10_000_000)
        assert.lengthOf(receiver.got, index + 1, String(status))
        const { deliveries } = yield* stateOf(run)
        assert.deepStrictEqual(
          deliveries.map(({ httpCode, status }) => [httpCode, status]),
          [[status, status < 300 ? "delivered" : "failed"]]
        )
      }
    })
  )

  for (const status of [408, 425, 429, 500, 503] as const) {
    proves(
      `M-171: ${status} is tried again`,
      Effect.gen(function*() {
        const receiver = yield* World.receiver(status)
        const run = yield* started("one", { url: receiver.url })
        yield* World.sent(1)
        receiver.says = 200
        yield* passes(10_000)
        yield* World.sent(1)
        const { deliveries } = yield* stateOf(run)
        assert.deepStrictEqual(deliveries.map(({ httpCode }) => httpCode), [status, 200])
      })
    )
  }

  proves(
    "M-174: where nobody listens, a connection breaks, or nothing is answered in time, it is tried again",
    Effect.gen(function*() {
      const dead = yield* deadPort
      const runs = [yield* started("dead", { url: `http://127.0.0.1:${dead}/` })]
      yield* World.sent(1)
      const receiver = yield* World.receiver("break")
      runs.push(yield* started("break", { url: receiver.url }))
      yield* World.sent(1)
      receiver.says = "silence"
      runs.push(yield* started("silence", { url: receiver.url }))
      yield* receiver.asked(2)
      yield* passes(15_000)
      // The two before are tried again meanwhile.
      yield* World.sent(2)
      for (const run of runs) {
        const { deliveries: [first] } = yield* stateOf(run)
        assert.deepInclude(first, { status: "failed", attempt: 1 })
        assert.notProperty(first, "httpCode")
      }
      receiver.says = 200
      yield* passes(60_000)
      yield* World.sent(2)
      assert.deepInclude((yield* stateOf(runs[2]!)).deliveries.at(-1), { status: "delivered", httpCode: 200 })
    })
  )

  proves(
    "M-143, M-150: a run that waits for somebody is given a webhook before it is answered, and tells that one how it went on",
    Effect.gen(function*() {
      const first = yield* World.receiver()
      const second = yield* World.receiver()
      const run = yield* started("asks", { url: first.url, profile: "lamachina" })
      yield* World.sent(1)
      assert.deepInclude(JSON.parse(first.got[0]!.body), { runId: run, status: "paused" })
      const runs = yield* Runs
      yield* runs.tell(run, { url: second.url, profile: "lamachina" }, { by: "ada" })
      yield* runs.answer(run, { by: "ann", decision: "approve" })
      yield* World.told
      yield* World.sent(1)
      assert.lengthOf(first.got, 1)
      assert.deepInclude(JSON.parse(second.got[0]!.body), {
        runId: run,
        status: "done",
        data: { done: "the work" },
        errors: []
      })
      const { deliveries } = yield* stateOf(run)
      assert.deepStrictEqual(deliveries.map(({ event }) => event), ["status.paused", "status.done"])
      const closed = yield* Effect.flip(runs.tell(run, { url: first.url }, { by: "ada" }))
      assert.strictEqual(closed._tag, "RunClosed")
    })
  )

  proves(
    "M-147: a past delivery is sent again, by the id that the state of the run has, and that is one more attempt",
    Effect.gen(function*() {
      const receiver = yield* World.receiver(404)
      const webhooks = yield* Webhooks
      const run = yield* started("one", { url: receiver.url })
      yield* World.sent(1)
      receiver.says = 200
      const { deliveries: [first] } = yield* stateOf(run)
      const again = yield* webhooks.redeliverOfRun(run, first!.id, { by: "ada" })
      yield* World.sent(1)
      assert.deepStrictEqual(
        (yield* stateOf(run)).deliveries.map(({ attempt, httpCode }) => [attempt, httpCode]),
        [[1, 404], [2, 200]]
      )
      // Also one that has arrived.
      yield* webhooks.redeliverOfRun(run, again.id, { by: "ada" })
      yield* World.sent(1)
      assert.lengthOf((yield* stateOf(run)).deliveries, 3)
      assert.strictEqual(new Set(receiver.got.map(({ headers }) => headers["webhook-id"])).size, 1)
      const missing = yield* Effect.flip(webhooks.redeliverOfRun(run, "none", { by: "ada" }))
      assert.strictEqual(missing._tag, "DeliveryNotFound")
    })
  )
})

describe("endpoints", () => {
  proves(
    "N-20: a receiver that is down for two hours gets everything once on redelivery, each message verified by standardwebhooks",
    Effect.gen(function*() {
      const receiver = yield* World.receiver(503)
      const webhooks = yield* Webhooks
      const events = yield* Events
      yield* webhooks.put("ops", { url: receiver.url, events: ["ticket.*"], secret: { secret: "HOOK" } }, { by: "ada" })
      const published: Array<string> = []
      const publish = (n: number) =>
        Effect.gen(function*() {
          published.push(yield* events.emit("ticket.created", { n }))
          yield* World.told
        })
      // One event every 4 minutes, for two hours.
      for (let n = 0; n < 30; n++) {
        yield* publish(n)
        yield* World.quiet
        for (let minute = 0; minute < 4; minute++) {
          yield* passes(60_000)
          yield* World.quiet
        }
      }
      const asked = receiver.got.length
      // It was left alone most of the time: without a breaker each event is tried five times within 36 minutes.
      assert.isBelow(asked, 60)
      assert.deepInclude(yield* webhooks.show("ops"), { state: "open" })
      receiver.says = 200
      receiver.got.length = 0
      // Whoever has mended it says so, and then all that is dead goes again.
      yield* webhooks.resume("ops", { by: "ada" })
      yield* World.quiet
      const { redelivered } = yield* webhooks.redeliverDead("ops", { by: "ada" })
      assert.isAbove(redelivered, 0)
      yield* World.quiet
      yield* passes(3_600_000)
      yield* World.quiet
      const ids = receiver.got.map(({ body, headers }) => {
        const told = { ...headers } as Record<string, string>
        // Its clock has gone on for two hours, as that of the store has.
        const verified = new Webhook(World.secrets["HOOK"]!).sign(
          told["webhook-id"]!,
          new Date(Number(told["webhook-timestamp"]) * 1000),
          body
        )
        assert.include(told["webhook-signature"]!.split(" "), verified)
        return (JSON.parse(body) as { readonly id: string }).id
      })
      assert.deepStrictEqual(ids.toSorted(), published.toSorted())
      assert.deepInclude(yield* webhooks.show("ops"), { state: "ok", failures: 0 })
      assert.isEmpty(yield* webhooks.deliveries("ops", { status: "dead" }))
    })
  )
})

/** A port of this machine on which nobody listens. */
const deadPort = Effect.promise(() =>
  new Promise<number>((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })
)
