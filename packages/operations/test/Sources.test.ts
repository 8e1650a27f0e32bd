import { assert, describe, it } from "@effect/vitest"
import type { SourceDeclaration, SourceSignature } from "@fermata/core/Source"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Events } from "@fermata/engine/Events"
import * as Secrets from "@fermata/engine/Secrets"
import { Sensors } from "@fermata/engine/Sensors"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Effect, Layer, Redacted } from "effect"
import { github as bridged } from "../src/Bridges.ts"
import { type Sent, Sources } from "../src/Sources.ts"
import * as WebhookSignature from "../src/WebhookSignature.ts"

const known: Record<string, string> = {
  OLD: "the old secret",
  NEW: "the new secret",
  WHSEC: "whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyE="
}
const app = Sources.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Sensors.layer, Events.layer)),
  Layer.provideMerge(TestHost.layer),
  Layer.provide(Secrets.layerMemory(known))
)
const test = (title: string, body: Effect.Effect<void, unknown, Layer.Success<typeof app>>) =>
  it.effect(title, () => Effect.provide(body, app))

const github: SourceSignature = { type: "github", secrets: [{ secret: "NEW" }, { secret: "OLD" }] }
const declared = (
  mapping: Partial<SourceDeclaration["mapping"]> = {},
  signature: SourceSignature = github
): SourceDeclaration => ({
  signature,
  mapping: { dedupe: "{{ body.id }}", event: { name: "git.{{ body.action }}" }, ...mapping }
})

const put = (declaration = declared(), name = "git") =>
  Effect.flatMap(Sources, (sources) => sources.put(name, declaration, { by: "ann" }))

const bytes = (body: string) => new TextEncoder().encode(body)

/** What the owner of this secret sends. */
const signed = Effect.fnUntraced(function*(
  body: unknown,
  {
    headers = {},
    scheme = github,
    secret = "NEW"
  }: {
    readonly headers?: Record<string, string>
    readonly scheme?: WebhookSignature.Scheme
    readonly secret?: string
  } = {}
): Effect.fn.Return<Sent> {
  const raw = typeof body === "string" ? bytes(body) : body instanceof Uint8Array ? body : bytes(JSON.stringify(body))
  const at = yield* Clock.currentTimeMillis
  const made = yield* Effect.orDie(
    WebhookSignature.sign(scheme, [Redacted.make(known[secret]!)], { id: "msg_1", at, body: raw })
  )
  return { headers: { "content-type": "application/json", ...made, ...headers }, body: Uint8Array.from(raw) }
})
const receive = (sent: Sent, name = "git") => Effect.flatMap(Sources, (sources) => sources.receive(name, sent))
const send = (body: unknown, options: Parameters<typeof signed>[1] = {}, name = "git") =>
  Effect.flatMap(signed(body, options), (sent) => receive(sent, name))
const published = Effect.gen(function*() {
  yield* (yield* TestHost).settled
  const kept = yield* (yield* Events).kept({ limit: 100 })
  return kept.map(({ name, payload }) => ({ name, payload }))
})
const records = Effect.flatMap(Sensors, (sensors) => sensors.list())

describe("what is sent to a source", () => {
  test(
    "is taken by its signature and its mapping, once",
    Effect.gen(function*() {
      yield* put()
      const first = yield* send({ id: 7, action: "opened" })
      assert.strictEqual(first._tag === "Taken" && first.ingested.duplicate, false)
      const again = yield* send({ id: 7, action: "closed" })
      assert.strictEqual(again._tag === "Taken" && again.ingested.duplicate, true)
      assert.deepStrictEqual(yield* published, [{ name: "git.opened", payload: { id: 7, action: "opened" } }])
      const [record] = yield* records
      assert.deepInclude(record, { sensor: "git", dedupe: "git:7" })
    })
  )

  test(
    "is signed by any of its secrets, each looked up when something comes",
    Effect.gen(function*() {
      yield* put()
      yield* send({ id: 1, action: "a" }, { secret: "OLD" })
      yield* send({ id: 2, action: "a" }, { secret: "NEW" })
      assert.lengthOf(yield* records, 2)
    })
  )

  test(
    "is by nobody where the signature is wrong, the source another or none, or a secret missing: all of it the same error",
    Effect.gen(function*() {
      yield* put()
      yield* put(declared({}, { type: "github", secrets: [{ secret: "LOST" }] }), "lost")
      yield* put(declared({}, { type: "standard", secrets: [{ secret: "WHSEC" }] }), "standard")
      const sent = yield* signed({ id: 1, action: "a" })
      const cases: ReadonlyArray<readonly [string, Sent]> = [
        ["git", { ...sent, body: bytes("{\"id\":2,\"action\":\"a\"}") }],
        ["git", { ...sent, headers: {} }],
        ["git", { ...sent, headers: { ...sent.headers, "X-Hub-Signature-256": "sha256=" } }],
        ["git", { ...sent, headers: { "X-Hub-Signature-256": "x".repeat(5_000) } }],
        ["standard", sent],
        ["lost", sent],
        ["none", sent],
        ["acme~git", sent],
        ["", sent],
        ["__proto__", sent],
        ["git/..", sent],
        ["x".repeat(3_000), sent]
      ]
      for (const [name, one] of cases) {
        const error = yield* Effect.flip(receive(one, name))
        assert.strictEqual(error._tag, "SenderUnknown", name)
      }
      assert.isEmpty(yield* records)
      yield* receive(sent)
      assert.lengthOf(yield* records, 1)
    })
  )

  test(
    "may not be old where the scheme signs the time, and has the id that is signed",
    Effect.gen(function*() {
      const standard: SourceSignature = { type: "standard", secrets: [{ secret: "WHSEC" }], toleranceMs: 60_000 }
      yield* put(declared({ dedupe: "{{ message.id }}", payload: { at: "{{ message.at }}" } }, standard))
      const sent = yield* signed({ action: "a" }, { scheme: standard, secret: "WHSEC" })
      const host = yield* TestHost
      yield* host.adjust("59 seconds")
      yield* receive(sent)
      assert.deepInclude((yield* records)[0], { dedupe: "git:msg_1" })
      assert.deepStrictEqual(yield* published, [{ name: "git.a", payload: { at: 0 } }])
      yield* host.adjust("2 seconds")
      assert.strictEqual((yield* Effect.flip(receive(sent)))._tag, "SenderUnknown")
    })
  )

  test(
    "is passed over where its source has no use for it, and leaves nothing",
    Effect.gen(function*() {
      yield* put(declared({ when: "body.action = 'opened'" }))
      assert.deepStrictEqual(yield* send({ id: 1, action: "closed" }), { _tag: "Ignored" })
      assert.isEmpty(yield* records)
      yield* send({ id: 1, action: "opened" })
      assert.lengthOf(yield* records, 1)
    })
  )

  test(
    "answers the challenge of Slack, and of nobody else",
    Effect.gen(function*() {
      const slack: SourceSignature = { type: "slack", secrets: [{ secret: "NEW" }] }
      yield* put(declared({}, slack), "slack")
      yield* put()
      const challenge = { type: "url_verification", challenge: "3eZbrw1aB", token: "t" }
      assert.deepStrictEqual(yield* send(challenge, { scheme: slack }, "slack"), {
        _tag: "Challenged",
        answer: { challenge: "3eZbrw1aB" }
      })
      assert.strictEqual(
        (yield* Effect.flip(send(challenge, { scheme: slack, secret: "OLD" }, "slack")))._tag,
        "SenderUnknown"
      )
      assert.strictEqual((yield* Effect.flip(send(challenge)))._tag, "SentRefused")
    })
  )

  test(
    "that cannot be taken is recorded with the reason, once for the same bytes, and may come again once that is mended",
    Effect.gen(function*() {
      yield* put(declared({ dedupe: "{{ body.number }}" }))
      const refused = (body: unknown, headers: Record<string, string> = {}) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(send(body, { headers }))
          assert.strictEqual(error._tag, "SentRefused")
          const [record] = yield* records
          assert.strictEqual(error._tag === "SentRefused" && error.position, record?.position)
          return record?.refused
        })
      assert.include(yield* refused({ id: 1, action: "a" }), "mapping.dedupe: it leads to nothing")
      yield* refused({ id: 1, action: "a" })
      assert.lengthOf(yield* records, 1)
      assert.include(yield* refused({ number: 1, action: "no name" }), "event.name")
      assert.include(yield* refused({ number: 1, action: null }), "event.name")
      assert.include(yield* refused("{\"number\":1"), "no JSON: the text ends too early (line 1, column 12)")
      assert.include(yield* refused("{\"number\":1,\"number\":2}"), "stands there twice")
      assert.include(yield* refused(""), "the text is empty")
      assert.include(yield* refused(new Uint8Array([0xff, 0xfe])), "not UTF-8")
      assert.include(yield* refused("a=b", { "content-type": "text/plain" }), "\"text/plain\"")
      assert.include(yield* refused("\u0000", { "content-type": "application/json; charset=latin1" }), "no JSON")
      yield* put()
      yield* send({ id: 1, action: "a" })
      assert.deepStrictEqual(yield* published, [{ name: "git.a", payload: { id: 1, action: "a" } }])
    })
  )

  test(
    "may be a form, whose payload is read as JSON; whole numbers that no program keeps become texts",
    Effect.gen(function*() {
      yield* put(declared({ dedupe: "{{ body.payload.id }}", event: { name: "git.{{ body.kind }}" } }))
      const form = new URLSearchParams({ payload: "{\"id\":12345678901234567890}", kind: "a" }).toString()
      yield* send(form, { headers: { "content-type": "application/x-www-form-urlencoded" } })
      assert.deepStrictEqual(yield* published, [
        { name: "git.a", payload: { payload: { id: "12345678901234567890" }, kind: "a" } }
      ])
      yield* put()
      yield* send(
        "{\"id\":98765432109876543210,\"say\":\"an id 98765432109876543210 \\\"quoted\\\"\",\"action\":\"b\"}"
      )
      assert.deepStrictEqual((yield* published)[0], {
        name: "git.b",
        payload: { id: "98765432109876543210", say: "an id 98765432109876543210 \"quoted\"", action: "b" }
      })
    })
  )

  test(
    "is one where two subscriptions send it under two delivery ids, and two where only the last digits of its id differ",
    Effect.gen(function*() {
      yield* put({ signature: github, mapping: bridged.mapping }, "github")
      const merged = {
        action: "closed",
        repository: { full_name: "a/b" },
        pull_request: { merged: true, number: 7, title: "t" }
      }
      for (const delivery of ["d-1", "d-2"]) {
        const sent = yield* send(merged, { headers: { "X-GitHub-Delivery": delivery } }, "github")
        assert.strictEqual(sent._tag === "Taken" && sent.ingested.duplicate, delivery === "d-2")
      }
      yield* put()
      for (const id of ["8202522731445525542", "8202522731445525543", "-8202522731445525543"]) {
        const sent = yield* send(`{"id":${id},"action":"a"}`)
        assert.strictEqual(sent._tag === "Taken" && sent.ingested.event.dedupe, `git:${id}`)
      }
      assert.lengthOf(yield* records, 4)
    })
  )

  test(
    "is read from headers too, but for those that say who somebody is",
    Effect.gen(function*() {
      yield* put(declared({
        dedupe: "{{ headers.`x-github-delivery` }}",
        eventId: "{{ headers.`x-github-delivery` }}",
        ref: "{{ source }}://{{ digest }}",
        payload: {
          kind: "{{ headers.`x-github-event` }}",
          auth: "{{ headers.authorization }}",
          cookie: "{{ headers.cookie }}"
        },
        event: { name: "git.any", correlationId: "{{ body.id }}" }
      }))
      yield* send({ id: 5 }, {
        headers: { "X-GitHub-Delivery": "d-1", "X-GitHub-Event": "push", authorization: "Bearer x", cookie: "a=b" }
      })
      assert.deepStrictEqual(yield* published, [
        { name: "git.any", payload: { kind: "push", auth: null, cookie: null } }
      ])
      assert.deepInclude((yield* records)[0], { dedupe: "git:d-1", eventId: "d-1" })
    })
  )

  test(
    "is told to try again as long as its source is paused",
    Effect.gen(function*() {
      const sources = yield* Sources
      yield* put()
      yield* sources.pause("git", { by: "ann", note: "moving" })
      const error = yield* Effect.flip(send({ id: 1, action: "a" }))
      assert.deepInclude(error, { _tag: "SourcePaused", retryAfter: 60 })
      assert.isEmpty(yield* records)
      assert.deepInclude(yield* put(), { paused: true, note: "moving" })
      const { note, paused } = yield* sources.resume("git", { by: "ann" })
      assert.deepStrictEqual([note, paused], [undefined, false])
      yield* send({ id: 1, action: "a" })
      assert.lengthOf(yield* records, 1)
    })
  )

  test(
    "to one of a tenant comes to its tenant alone",
    Effect.gen(function*() {
      const acme = CurrentTenant.within("acme")
      yield* acme(put())
      assert.strictEqual((yield* Effect.flip(send({ id: 1, action: "a" })))._tag, "SenderUnknown")
      yield* send({ id: 1, action: "a" }, {}, "acme~git")
      yield* acme(send({ id: 2, action: "b" }))
      assert.deepStrictEqual((yield* acme(records)).map(({ dedupe }) => dedupe), ["git:2", "git:1"])
      const other = yield* Effect.flip(CurrentTenant.within("beta")(send({ id: 3, action: "c" }, {}, "acme~git")))
      assert.strictEqual(other._tag, "SenderUnknown")
      assert.isEmpty(yield* CurrentTenant.within("beta")(records))
      const sources = yield* Sources
      assert.isEmpty(yield* CurrentTenant.within("beta")(sources.list))
    })
  )
})

describe("a source", () => {
  test(
    "is refused with its first mistake, and left as it was",
    Effect.gen(function*() {
      const sources = yield* Sources
      const mistakes: ReadonlyArray<readonly [unknown, string]> = [
        [{ mapping: { dedupe: "a" } }, "signature: Missing key"],
        [{ ...declared(), signature: { type: "github", secrets: [] } }, "signature.secrets"],
        [{ ...declared(), signature: { type: "github", secrets: ["plain text"] } }, "signature.secrets.0"],
        [declared({ dedupe: "" }), "mapping.dedupe: give what tells"],
        [
          declared({ dedupe: "{{ bdy.id }}" }),
          "mapping.dedupe: nothing is called \"bdy\" there; did you mean \"body\"?"
        ],
        [declared({ dedupe: "{{ body.id" }), "mapping.dedupe: its {{ has no }}"],
        [declared({ when: "body.(" }), "mapping.when"],
        [declared({ event: { name: "{{ $eval('1') }}" } }), "mapping.event.name"],
        [
          declared({ event: { name: "{{ $nothing(1) }}" } }),
          "mapping.event.name: there is no function or variable $nothing"
        ],
        [{ ...declared(), extra: 1 }, "extra: "]
      ]
      for (const [declaration, problem] of mistakes) {
        const error = yield* Effect.flip(put(declaration as SourceDeclaration))
        assert.include(error.message, problem)
      }
      assert.include((yield* Effect.flip(put(declared(), "no name"))).message, "its name is none")
      assert.isEmpty(yield* sources.list)
    })
  )

  test(
    "is listed, found and forgotten, and one that is not there is none",
    Effect.gen(function*() {
      const sources = yield* Sources
      yield* put(declared(), "b")
      yield* put(declared(), "a")
      assert.deepStrictEqual((yield* sources.list).map(({ name }) => name), ["a", "b"])
      assert.deepInclude(yield* sources.find("a"), { name: "a", paused: false, by: "ann", at: 0 })
      yield* sources.remove("a", { by: "ann" })
      const lost = yield* Effect.all([
        Effect.flip(sources.find("a")),
        Effect.flip(sources.remove("a", { by: "ann" })),
        Effect.flip(sources.pause("a", { by: "ann" })),
        Effect.flip(sources.test("a", { body: 1 }))
      ])
      for (const error of lost) assert.strictEqual(error.message, "There is no source \"a\"; there are b")
    })
  )

  test(
    "is tried with a sample, of which nothing is done",
    Effect.gen(function*() {
      const sources = yield* Sources
      yield* put(declared({ when: "body.action != 'skip'" }))
      const sample = { body: { id: 1, action: "opened" } }
      const event = {
        sensor: "git",
        dedupe: "git:1",
        payload: sample.body,
        event: { name: "git.opened" }
      }
      const outcome = { event: { id: "sensor:git:1", name: "git.opened" } }
      assert.deepStrictEqual(yield* sources.test("git", sample), { verdict: "accepted", event, outcome })
      assert.deepStrictEqual(yield* sources.test("git", { body: { id: 1, action: "skip" } }), { verdict: "ignored" })
      const lacks = yield* sources.test("git", { body: { action: "a" } })
      assert.deepInclude(lacks, { verdict: "refused" })
      assert.include(lacks.problem, "mapping.dedupe")
      assert.isEmpty(yield* records)
      assert.isEmpty(yield* published)
      yield* send(sample.body)
      assert.deepInclude(yield* sources.test("git", sample), { verdict: "duplicate", outcome })
    })
  )

  test(
    "that asks for more work than there is for one mapping is refused, and takes nobody's time",
    Effect.gen(function*() {
      yield* put(declared({ dedupe: "{{ $sum([1..9999].($ * $sum([1..9999]))) }}" }))
      assert.strictEqual((yield* Effect.flip(send({ id: 1, action: "a" })))._tag, "SentRefused")
      assert.match((yield* records)[0]?.refused ?? "", /operations/)
    })
  )
})
