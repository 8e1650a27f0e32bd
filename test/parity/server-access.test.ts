/** Who may call a server, and as whom what they do is recorded. */
import { assert, describe, it } from "@effect/vitest"
import { Contracts } from "@fermata/contracts/Contracts"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
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

const app = ServerAccess.layerTokens().pipe(
  Layer.provideMerge(Layer.mergeAll(AccessTokens.layer, Chunks.layerMemory, Contracts.layerServing(), Feed.layer)),
  Layer.provideMerge(Order.toLayer(() => Signal.receive(Go))),
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
})
