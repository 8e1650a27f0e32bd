import { assert, describe, it } from "@effect/vitest"
import { Egress, HttpService, Secrets } from "@fermata/engine"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"

import { Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Contracts } from "../src/Contracts.ts"
import { ContractNeeds, ContractValidation } from "../src/index.ts"

type Loose = Readonly<Record<string, unknown>>

const document = (step: Loose, more: Loose = {}) => ({
  schemaVersion: "fermata.contract.v1",
  id: "asks",
  version: "1.0.0",
  title: "Asks",
  permissions: [{ kind: "http:request", pattern: "crm", methods: ["GET", "POST"] }],
  entryStepId: "ask",
  steps: [{ id: "ask", name: "Ask", kind: "http", service: "crm", path: "/people/7", next: null, ...step }],
  ...more
})

interface Answer {
  readonly status?: number
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly body?: string
}

const json = [["content-type", "application/json"]] as const

/** Lives a run against a service in memory that gives these answers in turn, and tells how it stands and what was asked. */
const live = (contract: object, answers: ReadonlyArray<Answer>, entry: Partial<HttpService.Entry> = {}, input = {}) => {
  const asked: Array<string> = []
  const way = Egress.layerMemory(
    { "crm.example": ["93.184.216.34"] },
    ({ body, headers, method, url }) =>
      Effect.sync(() => {
        const { body: text = "{\"name\":\"Ada\"}", ...answer } = answers[Math.min(asked.length, answers.length - 1)]!
        const key = headers.find(([name]) => name === "x-key")?.[1]
        const who = headers.find(([name]) => name === "authorization")?.[1]
        asked.push(
          [method, url.pathname + url.search, who, key, body && new TextDecoder().decode(body)]
            .filter((part) => part !== undefined).join(" ")
        )
        return { status: 200, headers: json, ...answer, body: Stream.make(new TextEncoder().encode(text)) }
      })
  )
  const services = HttpService.make({
    services: [{
      name: "crm",
      baseUrl: "https://crm.example/v2",
      auth: { type: "bearer", token: { secret: "TOKEN" } },
      allowedPaths: ["/people/.*"],
      ...entry
    }]
  })
  return Effect.gen(function*() {
    const { runId } = yield* Contracts.use((contracts) => contracts.start({ contract, input }))
    yield* TestHost.use((host) => host.settled)
    for (let waits = 0; waits < 3; waits++) {
      yield* TestClock.adjust("30 seconds")
      yield* TestHost.use((host) => host.settled)
    }
    const { error, output, status } = yield* Runs.use((runs) => runs.show(runId))
    const journal = yield* Runs.use((runs) => runs.journal(runId))
    const requested = journal.find((one) => one._tag === "StepRequested")
    return { asked, status, output, error: error?.message, onCrash: requested?.onCrash, text: JSON.stringify(journal) }
  }).pipe(Effect.provide(
    Contracts.layerServing().pipe(
      Layer.provide(Layer.mergeAll(way, HttpService.layer(services), Secrets.layerMemory({ TOKEN: "tok-4f9c2e71aa" }))),
      Layer.provideMerge(TestHost.layer)
    )
  ))
}

describe("http steps", () => {
  it.effect("ask a service, and come to its answer; who asks is in no journal", () =>
    Effect.gen(function*() {
      const got = yield* live(
        document({
          path: "/people/{{ $encodeUrlComponent(input.who) }}",
          query: { limit: "{{ input.limit }}" },
          output: { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
        }),
        [{ body: "{\"name\":\"tok-4f9c2e71aa\"}" }],
        {},
        { who: "a b", limit: 2 }
      )
      assert.deepStrictEqual(got.asked, ["GET /v2/people/a%20b?limit=2 Bearer tok-4f9c2e71aa"])
      assert.deepStrictEqual(got.output, {
        status: 200,
        headers: { "content-type": "application/json" },
        body: { name: "[secret TOKEN]" }
      })
      assert.notInclude(got.text, "tok-4f9c2e71aa")
      assert.strictEqual(got.onCrash, "rerun")
    }))

  it.effect("are asked about after a crash where they change something, unless the service knows a key", () =>
    Effect.gen(function*() {
      const post = document({ method: "POST", body: { n: "{{ 1 + 1 }}" } })
      const plain = yield* live(post, [{}])
      assert.deepStrictEqual([plain.onCrash, plain.asked], ["ask", [
        "POST /v2/people/7 Bearer tok-4f9c2e71aa {\"n\":2}"
      ]])
      const keyed = yield* live(post, [{}], { idempotency: "X-Key" })
      assert.strictEqual(keyed.onCrash, "rerun-keyed")
      assert.match(keyed.asked[0]!, /%2Fask \{"n":2\}$/)
      const said = yield* live(document({ method: "POST", onCrash: "rerun" }), [{}])
      assert.strictEqual(said.onCrash, "rerun")
    }))

  it.effect("fail with what was answered, which `onError` sees, and are repeated when the service has said", () =>
    Effect.gen(function*() {
      const missing = yield* live(
        document({ onError: "told" }, {
          steps: [
            { id: "ask", name: "Ask", kind: "http", service: "crm", path: "/people/7", next: null, onError: "told" },
            {
              id: "told",
              name: "Told",
              kind: "transform",
              set: { seen: "{{ steps.ask.error.data.status }}" },
              next: null
            }
          ]
        }),
        [{ status: 404 }]
      )
      assert.deepStrictEqual(missing.output, { seen: 404 })
      const busy: Answer = { status: 429, headers: [["retry-after", "60"]] }
      const retry = { maxAttempts: 2, initialMs: 1 }
      const again = yield* live(document({ retry }), [busy, {}])
      assert.deepStrictEqual([again.status, again.asked.length], ["completed", 2])
      // After a minute, and not after the pause of its own.
      const early = yield* live(document({ retry }), [{ status: 429, headers: [["retry-after", "120"]] }, {}])
      assert.deepStrictEqual([early.status, early.asked.length], ["suspended", 1])
      const once = yield* live(document({}), [busy])
      assert.include(once.error, "answers with status 429")
      const broken = yield* live(document({ method: "POST", retry }), [{ status: 500 }])
      assert.deepStrictEqual([broken.status, broken.asked.length], ["failed", 1])
      const shaped = yield* live(document({ output: { type: "array" } }), [{}])
      assert.include(shaped.error, "it must be array")
    }))

  it.effect("stay on the rails of the service, whatever an expression puts into them", () =>
    Effect.gen(function*() {
      const led = yield* live(document({ path: "/people/{{ input.who }}" }), [{}], {}, { who: "../admin" })
      assert.deepStrictEqual([led.status, led.asked], ["failed", []])
      assert.include(led.error, "leads up")
      const wrong = yield* live(document({ query: "{{ input.who }}" }), [{}], {}, { who: "a=b" })
      assert.include(wrong.error, "its request came out as none")
    }))

  it.effect("need a permission and a service, and are held against both", () =>
    Effect.gen(function*() {
      const check = (step: Loose) => Effect.result(ContractValidation.validate(document(step)))
      const contract = yield* ContractValidation.validate(document({}))
      assert.deepStrictEqual(ContractNeeds.of(contract), { tasks: [], model: false, services: ["crm"] })
      assert.deepStrictEqual(
        ContractNeeds.sentences(ContractNeeds.lacking(contract, ContractNeeds.offerOf({ tasks: [], model: false }))),
        ["no service \"crm\""]
      )
      for (
        const [step, problem] of [
          [{ service: "other" }, "http:request"],
          [{ method: "DELETE" }, "\\\"methods\\\":[\\\"DELETE\\\"]"],
          [{ method: "CONNECT" }, "one of GET"],
          [{ path: "{{ steps.ask. }}" }, "path"]
        ] as const
      ) assert.include(JSON.stringify(yield* check(step)), problem)
    }))
})
