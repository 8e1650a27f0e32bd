import { assert, describe, it } from "@effect/vitest"
import type { SourceDeclaration } from "@fermata/core/Source"
import { Chunks } from "@fermata/engine/Chunks"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Store } from "@fermata/engine/Store"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as fc from "fast-check"
import { createHmac } from "node:crypto"
import * as ServerAccess from "../src/ServerAccess.ts"
import type { ServerOptions } from "../src/ServerOptions.ts"
import { type Asked, Served } from "./support/Served.ts"

const secret = "canary-of-the-secret"

const Fix = Workflow.make("fix", {
  payload: { title: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ title }) => title
})

const appOf = (options: ServerOptions = {}) =>
  Served.layer(options, ServerAccess.layerTokens()).pipe(
    Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
    Layer.provideMerge(Fix.toLayer(({ title }) => Effect.succeed(title))),
    Layer.provideMerge(TestHost.layer),
    Layer.provideMerge(Secrets.layerMemory({ GIT: secret }))
  )
const app = appOf()

const declaration: SourceDeclaration = {
  signature: { type: "github", secrets: [{ secret: "GIT" }] },
  mapping: {
    when: "headers.`x-github-event` = 'issues'",
    dedupe: "issue-{{ body.issue.id }}",
    event: { name: "issue.{{ body.action }}" },
    run: { workflow: "fix", key: "{{ body.issue.id }}", input: { title: "{{ body.issue.title }}" } }
  }
}

const put = (name = "git", tenant?: string) =>
  Effect.flatMap(Store, ({ backend }) =>
    backend.write([{
      op: "source",
      name: tenant === undefined ? name : `${tenant}~${name}`,
      change: { declaration: JSON.stringify(declaration) },
      by: "ops",
      at: 0
    }]))

const signatureOf = (body: string | Uint8Array) => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`

const sending = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Asked => ({
  body,
  headers: {
    "content-type": "application/json",
    "x-github-event": "issues",
    "x-hub-signature-256": signatureOf(body),
    ...headers
  }
})
const send = (body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>, path = "/hooks/git") =>
  Effect.flatMap(Served, ({ ask }) => ask(`POST ${path}`, sending(body, headers)))

const issue = (id: number, action = "opened") => JSON.stringify({ action, issue: { id, title: `issue ${id}` } })
const counts = Effect.gen(function*() {
  yield* (yield* TestHost).settled
  const { backend } = yield* Store
  return {
    rows: (yield* backend.sensors({ limit: 1_000 })).length,
    events: (yield* (yield* Events).kept({ limit: 1_000 })).length,
    runs: (yield* (yield* Runs).list({ limit: 500 })).length
  }
})

describe("POST /hooks/:source", () => {
  it.effect("takes what is signed, without a token: 202 with what it came to, and 200 for the same again", () =>
    Effect.gen(function*() {
      yield* put()
      const first = yield* send(issue(7))
      assert.deepStrictEqual([first.status, first.at("result"), first.at("outcome.event.name")], [
        202,
        "accepted",
        "issue.opened"
      ])
      const again = yield* send(issue(7))
      assert.deepStrictEqual([again.status, again.body], [200, { ...first.body as object, result: "duplicate" }])
      const other = yield* send(issue(8), { "x-github-event": "ping" })
      assert.deepStrictEqual([other.status, other.body], [200, { result: "ignored" }])
      assert.deepStrictEqual(yield* counts, { rows: 1, events: 1, runs: 1 })
    }).pipe(Effect.provide(app)))

  it.effect("tells nobody whether a source is there: one that is not and a signature that is wrong are answered alike", () =>
    Effect.gen(function*() {
      yield* put()
      const { ask } = yield* Served
      const wrong = { "x-hub-signature-256": signatureOf("other") }
      const answers = [
        yield* send(issue(1), wrong),
        yield* send(issue(1), wrong, "/hooks/none"),
        yield* send(issue(1), {}, "/hooks/none"),
        yield* send(issue(1), {}, "/hooks/acme~git"),
        yield* send(issue(1), {}, `/hooks/${"x".repeat(1_000)}`),
        yield* send("no json", wrong),
        yield* ask("POST /hooks/git"),
        yield* ask("POST /hooks/git", { headers: { "content-type": "text/html" }, body: "<p>" })
      ]
      for (const answer of answers) {
        assert.strictEqual(answer.status, 401)
        assert.strictEqual(answer.text, answers[0]!.text)
        assert.deepStrictEqual([...answer.headers], [...answers[0]!.headers])
      }
      assert.notInclude(answers[0]!.text, "git")
      assert.deepStrictEqual(yield* counts, { rows: 0, events: 0, runs: 0 })
    }).pipe(Effect.provide(app)))

  it.effect("answers 422 for what it cannot take, and 503 while its source is paused; a tenant's is its own", () =>
    Effect.gen(function*() {
      yield* put()
      yield* put("git", "acme")
      const refused = yield* send("{\"action\":1")
      assert.deepStrictEqual([refused.status, refused.at("error._tag")], [422, "SentRefused"])
      assert.strictEqual((yield* send(JSON.stringify({ action: "opened", issue: { id: 1, title: 5 } }))).status, 422)
      const ours = yield* send(issue(3), {}, "/hooks/acme~git")
      assert.strictEqual(ours.status, 202)
      assert.match(String(ours.at("outcome.run.id")), /^acme~/)
      assert.lengthOf(yield* CurrentTenant.within("acme")(Effect.flatMap(Runs, (runs) => runs.list())), 1)
      const { backend } = yield* Store
      yield* backend.write([{ op: "source", name: "git", change: { paused: true, note: null }, by: "ops", at: 0 }])
      const paused = yield* send(issue(4))
      assert.deepStrictEqual([paused.status, paused.headers.get("retry-after")], [503, "60"])
      assert.strictEqual((yield* send(issue(4), {}, "/hooks/acme~git")).status, 202)
    }).pipe(Effect.provide(app)))

  it.effect("reads no more than it may, and has no other method", () =>
    Effect.gen(function*() {
      yield* put()
      const { ask } = yield* Served
      const large = yield* send(JSON.stringify({ text: "x".repeat(3_000) }))
      assert.deepStrictEqual([large.status, large.at("error._tag")], [413, "BodyTooLarge"])
      for (const method of ["GET", "PUT", "DELETE"]) {
        assert.strictEqual((yield* ask(`${method} /hooks/git`)).status, 404, method)
      }
      assert.strictEqual((yield* ask("POST /hooks")).status, 404)
      assert.strictEqual(
        (yield* ask("POST /hooks/git/more", { headers: { "content-type": "application/json" }, body: "{}" })).status,
        404
      )
      const host = yield* send(issue(1), { host: "evil.example" })
      assert.strictEqual(host.status, 403)
      assert.deepStrictEqual(yield* counts, { rows: 0, events: 0, runs: 0 })
    }).pipe(Effect.provide(appOf({ maxBody: 2_000 }))))

  it.effect("gives one source no more room than a caller has, and takes none of it for those who only name it", () =>
    Effect.gen(function*() {
      yield* put()
      const all = yield* Effect.all(Array.from({ length: 6 }, (_, n) => send(issue(n))), { concurrency: "unbounded" })
      const statuses = all.map(({ status }) => status)
      assert.include(statuses, 202)
      assert.include(statuses, 429)
      assert.isEmpty(statuses.filter((status) => status !== 202 && status !== 429))
      const wrong = { "x-hub-signature-256": signatureOf("other") }
      const strangers = yield* Effect.all(Array.from({ length: 6 }, (_, n) => send(issue(n), wrong)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(strangers.map(({ status }) => status)), new Set([401]))
    }).pipe(Effect.provide(appOf({ requests: { mostOfCaller: 2 } }))))

  it.effect("whatever is sent is answered, and never with 500: signed or not, in any encoding and with any headers", () =>
    Effect.gen(function*() {
      yield* put()
      const { fetch } = yield* Served
      const text = fc.oneof(
        fc.string({ unit: "binary", maxLength: 60 }),
        fc.json(),
        fc.constantFrom(
          "",
          "null",
          "[]",
          "\"issue\"",
          "{\"issue\":{\"id\":1e999,\"title\":\"t\"},\"action\":\"a\"}",
          "{\"__proto__\":{\"issue\":1},\"action\":\"a\"}",
          "{\"issue\":{\"id\":[[]],\"title\":{}},\"action\":{\"toString\":1}}",
          "{\"issue\":{\"id\":\"\\ud800\",\"title\":\"\\u0000\"},\"action\":\"a\"}",
          "[".repeat(5_000),
          `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
          `{"issue":{"id":"${"x".repeat(2_000)}","title":"t"},"action":"a"}`,
          "payload=%7B%22a%22&payload=2&%ff=1",
          "\ufeff{\"action\":\"a\",\"issue\":{\"id\":1,\"title\":\"t\"}}",
          issue(1, "opened"),
          issue(2, "no name"),
          issue(3, "engine")
        )
      )
      const body = fc.oneof(
        { weight: 4, arbitrary: text.map((said) => new TextEncoder().encode(said)) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((some) => Uint8Array.from(some)) }
      )
      const header = fc.oneof(
        fc.constantFrom(
          "application/json",
          "application/x-www-form-urlencoded",
          "text/plain",
          "",
          "a/b+json",
          ";;;",
          "x".repeat(4_000)
        ),
        fc.string({ maxLength: 20 })
      ).map((value) => value.replaceAll(/[^\x20-\x7e]/g, "?"))
      const names = fc.constantFrom(
        "content-type",
        "x-github-event",
        "x-hub-signature-256",
        "content-encoding",
        "transfer-encoding",
        "webhook-id",
        "__proto__",
        "constructor",
        "x-forwarded-for",
        "idempotency-key",
        "authorization"
      )
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            body,
            fc.boolean(),
            fc.array(fc.tuple(names, header), { maxLength: 4 }),
            fc.constantFrom("git", "git", "none", "%67it", "git%00", "acme~git", "~", "%ff", "constructor"),
            async (bytes, isSigned, headers, source) => {
              const { headers: own } = sending(bytes, isSigned ? {} : { "x-hub-signature-256": signatureOf("other") })
              const asked = new Request(`http://localhost/hooks/${source}`, {
                method: "POST",
                body: bytes,
                headers: new Headers([
                  ["host", "localhost"],
                  ...Object.entries({ ...own, ...Object.fromEntries(headers) })
                ])
              })
              const answer = await fetch(asked)
              const told = await answer.text()
              assert.include([200, 202, 400, 401, 422], answer.status, told)
              assert.notInclude(told, secret)
              if (!isSigned && !headers.some(([name]) => name === "x-hub-signature-256")) {
                assert.include([400, 401], answer.status)
              }
            }
          ),
          { numRuns: process.env["FERMATA_LONG"] === undefined ? 300 : 5_000 }
        )
      )
      assert.isTrue((yield* Effect.flatMap(Store, ({ backend }) => backend.sensors({ limit: 1 }))).length === 1)
    }).pipe(Effect.provide(app)))
})

describe("sensors and sources over HTTP", () => {
  const open = Served.layer().pipe(
    Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
    Layer.provideMerge(Fix.toLayer(({ title }) => Effect.succeed(title))),
    Layer.provideMerge(TestHost.layer)
  )

  it.effect("what a sensor saw is told, in either form, listed page by page, and found", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const told = yield* ask("POST /api/sensors/events?tell=true", {
        json: { sensor: "mail", dedupe: "mail:1", payload: { a: 1 }, run: { workflow: "fix", input: { title: "t" } } }
      })
      assert.deepStrictEqual([told.status, told.at("duplicate"), told.at("run")], [200, false, "started"])
      const again = yield* ask("POST /api/sensors/events", { json: { sensor_id: "mail", dedupe_key: "mail:1" } })
      assert.deepStrictEqual([again.at("duplicate"), again.at("event")], [true, told.at("event")])
      yield* ask("POST /api/sensors/events", {
        json: {
          sensor_id: "discord",
          dedupe_key: "d:1",
          event_id: "1",
          source_ref: "discord://c/1",
          proposed_workflow: { template: "fix", instance_key: "k", context: { title: "x" } }
        }
      })
      const page = yield* ask("GET /api/sensors/events?limit=1")
      assert.deepInclude(page.at("events.0"), { sensor: "discord", dedupe: "d:1", eventId: "1", ref: "discord://c/1" })
      const next = yield* ask(`GET /api/sensors/events?limit=1&after=${String(page.at("next"))}`)
      assert.deepStrictEqual([next.at("events.0"), next.at("next")], [told.at("event"), undefined])
      const one = yield* ask(`GET /api/sensors/events/${String(next.at("events.0.position"))}`)
      assert.deepStrictEqual(one.body, { ...told.at("event") as object, payload: { a: 1 } })
      assert.strictEqual((yield* ask("GET /api/sensors/events?sensor=mail")).at("events.length"), 1)
    }).pipe(Effect.provide(open)))

  it.effect("is refused with its place where it is none, and nothing of it is done", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const refused = (json: unknown) => ask("POST /api/sensors/events", { json })
      for (
        const [json, status, said] of [
          [{}, 400, "sensor"],
          [{ sensor: "s" }, 400, "dedupe"],
          [{ sensor: "s", dedupe: "d", evnt: {} }, 400, "evnt"],
          [{ sensor: "s", dedupe: "d", event: { name: "a b" } }, 400, "event"],
          [{ sensor: "s", dedupe: "d", event: { name: "engine.run.completed" } }, 400, "engine"],
          [{ sensor: "s", dedupe: "d", run: { workflow: "none" } }, 404, "none"],
          [{ sensor: "s", dedupe: "d", run: { workflow: "fix", input: 1 } }, 400, "fix"]
        ] as const
      ) {
        const answer = yield* refused(json)
        assert.strictEqual(answer.status, status, `${JSON.stringify(json)} ${answer.text}`)
        assert.include(answer.text, said)
      }
      for (const position of ["1", "x", "-1", "9".repeat(30)]) {
        assert.strictEqual((yield* ask(`GET /api/sensors/events/${position}`)).status, 404, position)
      }
      assert.strictEqual((yield* ask("GET /api/sensors/events")).at("events.length"), 0)
    }).pipe(Effect.provide(open)))

  it.effect("a source is declared, tried, paused and forgotten by its routes", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const made = yield* ask("PUT /api/sources/git", { json: declaration })
      assert.deepStrictEqual([made.status, made.at("name"), made.at("by")], [200, "git", "ada"])
      const bad = yield* ask("PUT /api/sources/git", { json: { ...declaration, mapping: { dedupe: "{{ bdy }}" } } })
      assert.deepStrictEqual([bad.status, bad.at("error._tag")], [422, "SourceRefused"])
      const tried = yield* ask("POST /api/sources/git/test", {
        json: { headers: { "X-GitHub-Event": "issues" }, body: JSON.parse(issue(1)) as unknown }
      })
      assert.deepStrictEqual([tried.at("verdict"), tried.at("event.run.key")], ["accepted", "1"])
      assert.strictEqual((yield* ask("POST /api/sources/git/pause", { json: { note: "x" } })).at("note"), "x")
      assert.strictEqual((yield* ask("POST /api/sources/git/resume")).at("paused"), false)
      assert.strictEqual((yield* ask("GET /api/sources")).at("sources.0.name"), "git")
      assert.strictEqual((yield* ask("DELETE /api/sources/git")).status, 200)
      assert.strictEqual((yield* ask("GET /api/sources/git")).status, 404)
    }).pipe(Effect.provide(open)))
})
