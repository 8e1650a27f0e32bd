/** Situations that users of other engines have reported, as they are here. */
import { assert, describe, it } from "@effect/vitest"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as ServerAccess from "../src/ServerAccess.ts"
import { type Heard, listen } from "./support/Listening.ts"
import { Served } from "./support/Served.ts"

const Go = Signal.make("go")
const Deploy = Workflow.make("deploy", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const served = (access?: Parameters<typeof Served.layer>[1]) =>
  Served.layer({}, access).pipe(
    Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
    Layer.provideMerge(Deploy.toLayer(() => Effect.as(Signal.receive(Go), "done"))),
    Layer.provideMerge(TestHost.layer)
  )
const app = served()

const settled = Effect.flatMap(TestHost, ({ settled }) => settled)
const begin = Effect.gen(function*() {
  const { runId } = yield* (yield* Runs).start("deploy", { id: "1" })
  yield* settled
  return runId
})
const stream = (path: string, last?: string) =>
  Effect.flatMap(
    Served,
    ({ fetch }) => listen(fetch, `http://localhost/api${path}`, last === undefined ? {} : { "last-event-id": last })
  )
const ids = (heard: ReadonlyArray<Heard>) => heard.flatMap(({ id }) => id === undefined ? [] : [id])

describe("streams", () => {
  it.effect("NVIDIA aiq 272: what is no entry has no id, so that whoever comes back skips none", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const runs = yield* Runs
      const first = yield* stream(`/runs/${run}/stream`)
      const seen = yield* first.take(4)
      yield* runs.pause(run, { by: "ada" })
      yield* settled
      yield* first.leave
      const last = ids(seen).at(-1)!
      yield* runs.resume(run, { by: "ada" })
      yield* runs.signal(run, "go", undefined)
      yield* settled
      const rest = yield* (yield* stream(`/runs/${run}/stream`, last)).rest
      const all = [...ids(seen), ...ids(rest)]
      assert.deepStrictEqual(all, (yield* runs.journal(run)).map(({ seq }) => String(seq)))
      for (const { data, event, id } of rest) {
        assert.strictEqual(id === undefined, event !== undefined || data === undefined, JSON.stringify(data))
      }
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("MCP typescript-sdk 2499: a place holds however often a stream breaks before it says anything", () =>
    Effect.gen(function*() {
      const run = yield* begin
      for (let times = 0; times < 3; times++) {
        const broken = yield* stream(`/runs/${run}/stream`, "1")
        yield* broken.take(1)
        yield* broken.leave
      }
      yield* (yield* Runs).signal(run, "go", undefined)
      yield* settled
      assert.strictEqual(ids(yield* (yield* stream(`/runs/${run}/stream`, "1")).rest)[0], "2")
    }).pipe(Effect.scoped, Effect.provide(app)))
})

describe("requests that come again", () => {
  const send = (run: string, key: string, payload: unknown) =>
    Effect.flatMap(
      Served,
      ({ ask }) =>
        ask(`POST /api/runs/${run}/pause`, {
          headers: { "idempotency-key": key },
          ...(payload === undefined ? {} : { json: payload })
        })
    )

  it.effect("fincore-engine 44, plunk 484: of fifty at once with one key one acts, and the answer is had by asking again", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const before = (yield* (yield* Runs).journal(run)).length
      const answers = yield* Effect.forEach(Array.from({ length: 50 }), () => send(run, "k1", undefined), {
        concurrency: "unbounded"
      })
      for (const { headers, status } of answers) {
        assert.include([200, 409], status)
        if (status === 409) assert.isNotNull(headers.get("retry-after"))
      }
      const again = yield* send(run, "k1", undefined)
      const done = answers.filter(({ status }) => status === 200)
      assert.isAbove(done.length, 0)
      for (const { text } of done) assert.strictEqual(text, again.text)
      yield* settled
      const told = (yield* (yield* Runs).journal(run)).slice(before).map(({ _tag }) => _tag)
      assert.deepStrictEqual(told.filter((tag) => tag.includes("Pause")), ["PauseRequested"])
    }).pipe(Effect.provide(app)))

  it.effect("keys of two callers are two, also of signals: none of them is taken for the other's and lost", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const { ask } = yield* Served
      const tokens = yield* AccessTokens
      for (const name of ["ada", "bob"]) {
        const { text } = yield* tokens.create({ name, scopes: ["operate"], by: "root" })
        const headers = { authorization: `Bearer ${Redacted.value(text)}`, "idempotency-key": "1" }
        const sent = () => ask(`POST /api/runs/${run}/signals/note`, { headers, json: { payload: name } })
        const [first, again] = [yield* sent(), yield* sent()]
        assert.deepStrictEqual([first.at("result"), again.text], ["accepted", first.text], first.text)
      }
      yield* settled
      const taken = (yield* (yield* Runs).journal(run)).filter(({ _tag }) => _tag === "SignalReceived")
      assert.lengthOf(taken, 2)
    }).pipe(Effect.provide(served(ServerAccess.layerTokens()))))

  it.effect("agentic-commerce-protocol 120: a refusal is not kept, so that the same key may try again when it may pass", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const again = ask("POST /api/runs/0000000000000000000000000000abcd/cancel", {
        headers: { "idempotency-key": "k2" },
        json: { reason: "no need" }
      })
      const first = yield* again
      const second = yield* again
      assert.deepStrictEqual([first.status, second.status], [404, 404])
      assert.isNull(second.headers.get("idempotency-replayed"))
    }).pipe(Effect.provide(app)))

  it.effect("curie 1531: who answers is whoever is let in; a body has no place for a name, nor for what would prove it", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const claims = [
        [{ by: "mallory" }, 403, "Forbidden"],
        [{ roles: ["admins"] }, 400, "BadRequest"],
        [{ actor_channel: "C0" }, 400, "BadRequest"]
      ] as const
      for (const [claim, refused, tag] of claims) {
        const { at, status } = yield* ask("POST /api/approvals/x%2Fy/answers", {
          json: { decision: "approve", ...claim }
        })
        assert.deepStrictEqual([status, at("error._tag")], [refused, tag], JSON.stringify(claim))
      }
    }).pipe(Effect.provide(app)))
})
