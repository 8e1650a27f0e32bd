/** Agents over HTTP, as functions from requests to responses. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool } from "@fermata/agent"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Unauthorized } from "@fermata/api/ApiErrors"
import { Runs } from "@fermata/engine/Runs"
import { AgentGate, AgentHttp } from "@fermata/server"
import { TestHost } from "@fermata/testing/TestHost"
import { type Duration, Effect, Fiber, Layer, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, Wire, withTools, world } from "./AgentWorld.ts"

const plain = Agent.make("agent", { instructions: "Do it.", model: "m" })
const Send = Tool.make("Send", { parameters: Schema.Struct({ to: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "ask", permission: "network" }))

const open = AgentGate.AgentGate.layerOpen({ person: "ada" })
const flow = AgentHttp.http({ agent: plain, maxBody: 200 })

const post = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  new Request("https://agent.local/run", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers }
  })

/** What bodies hold, as far as it is looked at. */
interface Body {
  readonly run: string
  readonly status: unknown
  readonly output?: string
  readonly text?: string
  readonly turns?: number
  readonly waits?: ReadonlyArray<{ readonly reason: string }>
  readonly error?: { readonly _tag: string; readonly code?: string; readonly run?: string }
}

/** What is answered: its status, its media type and its body. */
const ask = (request: Request, asked = flow, takes: Duration.Input = "1 second") =>
  Effect.gen(function*() {
    const test = yield* TestHost
    const asking = yield* Effect.forkChild(asked(request), { startImmediately: true })
    yield* test.settled
    yield* test.adjust(takes)
    const response = yield* Fiber.join(asking)
    const body = yield* Effect.promise(() => response.json() as Promise<Body>)
    return { status: response.status, type: response.headers.get("content-type"), body, headers: response.headers }
  })

const says = (text: string) => world(inTurn(answer(text)), plain.layer)

describe("an agent as a function from a request to a response", () => {
  it.effect("P-56: a prompt as JSON is answered 200 with what the turn came to", () =>
    Effect.gen(function*() {
      const { body, status } = yield* ask(post(JSON.stringify({ prompt: "What is new?" })))
      assert.strictEqual(status, 200)
      assert.deepInclude(body, { output: "Nothing.", text: "Nothing.", turns: 1 })
      assert.strictEqual((yield* (yield* Runs).find(body.run)).status, "completed")
      assert.include(JSON.stringify((yield* Wire)[0]!.prompt.content), "What is new?")
    }).pipe(Effect.provide([says("Nothing."), open])))

  it.effect("P-56: what is no such request is a problem of 4xx, and nothing is run", () =>
    Effect.gen(function*() {
      const refused = [
        [post("{\"prompt\":"), 400, "BadRequest"],
        [post("{\"prompt\":\"a\",\"prompt\":\"b\"}"), 400, "BadRequest"],
        [post("null"), 400, "BadRequest"],
        [post("{\"prompt\":7}"), 400, "BadRequest"],
        [post("{\"prompt\":\" \"}"), 400, "BadRequest"],
        [post("{\"prompt\":\"a\"}", { "content-type": "text/plain" }), 415, "UnsupportedMediaType"],
        [post(JSON.stringify({ prompt: "a".repeat(300) })), 413, "BodyTooLarge"],
        [new Request("https://agent.local/run"), 405, "MethodNotAllowed"]
      ] as const
      for (const [request, status, tag] of refused) {
        const answered = yield* ask(request)
        assert.deepStrictEqual(
          [answered.status, answered.type, answered.body.error?._tag, answered.body.status],
          [status, "application/problem+json", tag, status]
        )
      }
      assert.deepStrictEqual([...(yield* (yield* Runs).list({}))], [])
      assert.strictEqual((yield* Wire).length, 0)
    }).pipe(Effect.provide([says("Nothing."), open])))

  it.effect("P-56: the same key of the same caller is the same run, which is not paid again", () =>
    Effect.gen(function*() {
      const again = () => ask(post("{\"prompt\":\"go\"}", { "idempotency-key": "k1" }))
      const [first, second] = [yield* again(), yield* again()]
      assert.deepStrictEqual(second.body, first.body)
      assert.strictEqual((yield* Wire).length, 1)
    }).pipe(Effect.provide([says("Once."), open])))

  it.effect("P-56: the same key with another prompt is refused, and callers whose names and keys read alike are two", () =>
    Effect.gen(function*() {
      const as = (person: string, prompt: string, key: string) =>
        ask(post(JSON.stringify({ prompt }), { "idempotency-key": key })).pipe(
          Effect.provide(AgentGate.AgentGate.layerOpen({ person }))
        )
      const first = yield* as("a", "go", "b/c")
      const other = yield* as("a", "stop", "b/c")
      assert.deepStrictEqual([other.status, other.body.error?._tag, other.body.output], [422, "KeyReused", undefined])
      const elsewhere = yield* as("a/b", "go", "c")
      assert.strictEqual(elsewhere.status, 200)
      assert.notStrictEqual(elsewhere.body.run, first.body.run)
      assert.strictEqual((yield* Wire).length, 2)
    }).pipe(Effect.provide([world(inTurn(answer("One."), answer("Two.")), plain.layer)])))

  it.effect("P-56: a run that waits for a person is answered 202 with what it waits for", () => {
    const { agent, layer } = withTools(Toolkit.make(Send), { Send: () => Effect.succeed("sent") })
    return Effect.gen(function*() {
      const { body, status } = yield* ask(post("{\"prompt\":\"go\"}"), AgentHttp.http({ agent }))
      assert.deepStrictEqual([status, body.status, body.waits?.[0]?.reason], [202, "suspended", "approval"])
    }).pipe(Effect.provide([world(inTurn(calls(call("s", "Send", { to: "eve" }))), layer), open]))
  })

  it.effect("P-56: a run that works longer than a request is held is answered 202, and goes on", () =>
    Effect.gen(function*() {
      const key = { "idempotency-key": "k1" }
      const held = AgentHttp.http({ agent: plain, wait: "5 seconds" })
      const first = yield* ask(post("{\"prompt\":\"go\"}", key), held, "6 seconds")
      assert.deepStrictEqual([first.status, first.body.status, first.body.waits], [202, "running", []])
      yield* (yield* TestHost).adjust("1 minute")
      const again = yield* ask(post("{\"prompt\":\"go\"}", key), held)
      assert.deepInclude(again.body, { run: first.body.run, output: "Late." })
      const other = yield* ask(post("{\"prompt\":\"no\"}", key), held)
      assert.deepStrictEqual([other.status, other.body.error?._tag], [422, "KeyReused"])
      assert.strictEqual((yield* Wire).length, 1)
    }).pipe(
      Effect.provide([world(() => Effect.delay(Effect.succeed(answer("Late.")), "1 minute"), plain.layer), open])
    ))

  it.effect("P-56: who prefers an answer at once is told of the run as soon as it is recorded", () =>
    Effect.gen(function*() {
      const { body, headers, status } = yield* ask(
        post("{\"prompt\":\"go\"}", { prefer: "wait=10, Respond-Async" }),
        flow,
        0
      )
      assert.deepStrictEqual([status, headers.get("preference-applied")], [202, "respond-async"])
      assert.include(["queued", "running"], body.status)
      yield* (yield* TestHost).adjust("1 hour")
      assert.strictEqual((yield* (yield* Runs).find(body.run)).status, "completed")
    }).pipe(
      Effect.provide([world(() => Effect.delay(Effect.succeed(answer("Late.")), "1 minute"), plain.layer), open])
    ))

  it.effect("P-56: a run that fails is answered 502 with its code and its id", () =>
    Effect.gen(function*() {
      const { body, status } = yield* ask(post("{\"prompt\":\"go\"}"))
      assert.deepStrictEqual([status, body.error?._tag, body.error?.code], [502, "AgentFailed", "ERR_REFUSED"])
      assert.strictEqual((yield* (yield* Runs).find(body.error!.run!)).status, "failed")
    }).pipe(Effect.provide([world(() => [Scripted.end("content-filter")], plain.layer), open])))
})

describe("who may ask an agent", () => {
  const body = "{\"prompt\":\"go\"}"
  const statusOf = (headers: Readonly<Record<string, string>>) =>
    Effect.map(ask(post(body, headers)), ({ body, headers, status }) => [
      status,
      body.error?._tag ?? "let in",
      headers.get("www-authenticate") !== null
    ])

  it.effect("P-57: a layer of tokens lets in whoever shows one, and the agent and its flow are the same", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* statusOf({}), [401, "Unauthorized", true])
      assert.deepStrictEqual(yield* statusOf({ authorization: "Bearer other" }), [401, "Unauthorized", true])
      assert.deepStrictEqual(yield* statusOf({ authorization: "Bearer t0ken" }), [200, "let in", false])
      assert.strictEqual((yield* Wire).length, 1)
    }).pipe(Effect.provide([
      says("Yes."),
      AgentGate.AgentGate.layerTokens({ eve: Redacted.make("k3y"), ada: Redacted.make("t0ken") })
    ])))

  it.effect("P-57: a layer of signatures lets in what a provider has signed, byte for byte", () =>
    Effect.gen(function*() {
      const key = yield* Effect.promise(() =>
        crypto.subtle.importKey("raw", new TextEncoder().encode("s3cret"), { name: "HMAC", hash: "SHA-256" }, false, [
          "sign"
        ])
      )
      const sign = (text: string) =>
        Effect.map(
          Effect.promise(() => crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text))),
          (bytes) => `sha256=${Buffer.from(bytes).toString("hex")}`
        )
      const header = "x-hub-signature-256"
      assert.deepStrictEqual((yield* statusOf({}))[0], 401)
      assert.deepStrictEqual((yield* statusOf({ [header]: "sha256=zz" }))[0], 401)
      assert.deepStrictEqual((yield* statusOf({ [header]: yield* sign(`${body} `) }))[0], 401)
      assert.deepStrictEqual((yield* statusOf({ [header]: yield* sign(body) }))[0], 200)
      assert.strictEqual((yield* Wire).length, 1)
    }).pipe(Effect.provide([
      says("Yes."),
      AgentGate.AgentGate.layerSigned({
        header: "x-hub-signature-256",
        prefix: "sha256=",
        secret: Redacted.make("s3cret"),
        person: "hub"
      })
    ])))

  it.effect("P-57: a host that routes and admits by itself brings a layer of its own, whose refusals are problems", () =>
    Effect.gen(function*() {
      const routes: Readonly<Record<string, typeof flow>> = { "/run": flow }
      const host = (request: Request) => routes[new URL(request.url).pathname]!(request)
      assert.strictEqual((yield* ask(post(body, { "x-user": "ada" }), host)).status, 200)
      assert.strictEqual((yield* ask(post(body), host)).status, 401)
    }).pipe(Effect.provide([
      says("Yes."),
      Layer.effect(
        AgentGate.AgentGate,
        Effect.map(Effect.succeed(new Set(["ada"])), (known) => ({
          admit: ({ headers }: Request) => {
            const user = headers.get("x-user") ?? ""
            return known.has(user)
              ? Effect.succeed(user)
              : Effect.fail(new Unauthorized({ reason: "unknown", problem: "Nobody of that name" }))
          }
        }))
      )
    ])))
})
