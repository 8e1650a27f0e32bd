import { assert, describe, it } from "@effect/vitest"
import * as AgentErrors from "@fermata/agent/AgentErrors"
import { ModelFailed } from "@fermata/agent/Model"
import * as ModelErrors from "@fermata/agent/model/ModelErrors"

const thrown = (error: unknown, midway = false) => ModelErrors.fromThrown("m", error, { now: 1_000, midway })

describe("why a model call failed", () => {
  it("gives each code one flag, wherever it stands in the table", () => {
    const flags = new Map<string, Set<boolean>>()
    for (const { code, retryable } of Object.values(ModelErrors.consequences)) {
      flags.set(code, (flags.get(code) ?? new Set()).add(retryable))
    }
    assert.deepStrictEqual(
      Object.fromEntries([...flags].map(([code, set]) => [code, [...set]]).sort()),
      {
        ERR_API: [true],
        ERR_API_OVERLOADED: [true],
        ERR_AUTH: [false],
        ERR_PROMPT_TOO_LONG: [false],
        ERR_RATE_LIMIT: [true],
        ERR_REQUEST: [false],
        ERR_STREAM_INCOMPLETE: [true],
        ERR_STREAM_PARSE: [false],
        ERR_UNEXPECTED_STOP: [false]
      }
    )
  })

  it("speaks with the codes of runs, and means the same by them", () => {
    for (const { code, retryable } of Object.values(ModelErrors.consequences)) {
      assert.strictEqual(AgentErrors.codes[code], retryable, code)
    }
  })

  it("knows the errors of other clients by their shape", () => {
    const aiSdk = (statusCode: number, error: object, responseHeaders: object = {}) =>
      Object.assign(new Error("outer"), { statusCode, responseHeaders, responseBody: JSON.stringify({ error }) })
    const table = [
      [aiSdk(429, { code: "insufficient_quota", message: "quota" }), "ERR_AUTH", false],
      [aiSdk(429, { code: "rate_limit_exceeded", message: "slow" }, { "retry-after": "2" }), "ERR_RATE_LIMIT", true],
      [
        aiSdk(400, { code: "context_length_exceeded", message: "maximum context length is 8" }),
        "ERR_PROMPT_TOO_LONG",
        false
      ],
      [
        aiSdk(400, { status: "INVALID_ARGUMENT", message: "The input token count (9) exceeds" }),
        "ERR_PROMPT_TOO_LONG",
        false
      ],
      [aiSdk(400, { message: "unknown field" }), "ERR_REQUEST", false],
      [aiSdk(404, { code: "model_not_found", message: "no" }), "ERR_REQUEST", false],
      [aiSdk(400, { type: "invalid_request_error", message: "Your credit balance is too low" }), "ERR_AUTH", false],
      [aiSdk(418, { message: "teapot" }), "ERR_REQUEST", false],
      [aiSdk(507, { message: "storage" }), "ERR_API", true]
    ] as const
    for (const [error, code, retryable] of table) {
      const failed = thrown(error)
      assert.deepStrictEqual([failed.code, failed.retryable], [code, retryable], failed.message)
    }
    assert.strictEqual(thrown(table[1][0]).retryAfterMs, 2000)
    assert.include(thrown(table[4][0]).message, "unknown field", "the provider's own words")
  })

  it("asks nobody to wait for a call that is not tried again", () => {
    const headers = new Headers({ "retry-after": "5" })
    assert.isUndefined(thrown(Object.assign(new Error("no"), { status: 401, headers })).retryAfterMs)
    assert.strictEqual(thrown(Object.assign(new Error("no"), { status: 503, headers })).retryAfterMs, 5000)
  })

  it("reads what the network said, as deep as it is hidden", () => {
    const hidden = (code: string) =>
      new TypeError("fetch failed", { cause: new AggregateError([Object.assign(new Error("x"), { code })]) })
    const of = (error: unknown, midway = false) => {
      const { code, maybePaid, retryable } = thrown(error, midway)
      return [code, retryable, maybePaid]
    }
    assert.deepStrictEqual(of(hidden("ECONNREFUSED")), ["ERR_API", true, false])
    assert.deepStrictEqual(of(hidden("ENOTFOUND")), ["ERR_API", true, false])
    assert.deepStrictEqual(of(hidden("ECONNRESET")), ["ERR_API", true, true])
    assert.deepStrictEqual(of(hidden("UND_ERR_HEADERS_TIMEOUT")), ["ERR_API", true, true])
    assert.deepStrictEqual(of(hidden("UND_ERR_SOCKET"), true), ["ERR_STREAM_INCOMPLETE", true, true])
    assert.deepStrictEqual(of(new SyntaxError("Unexpected end"), true), ["ERR_STREAM_PARSE", false, true])
    assert.deepStrictEqual(of("what?"), ["ERR_API", true, true])
  })

  it("takes a status that is none for the beginning of an answer", () => {
    const cause = Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" })
    const { code, maybePaid, retryable } = thrown(Object.assign(new Error("no", { cause }), { statusCode: 200 }))
    assert.deepStrictEqual([code, retryable, maybePaid], ["ERR_STREAM_INCOMPLETE", true, true])
  })

  it("passes on what is known already", () => {
    const failed = ModelErrors.failed("m", "overloaded", "full", { midway: true })
    assert.instanceOf(failed, ModelFailed)
    assert.strictEqual(thrown(failed), failed)
    assert.isTrue(failed.maybePaid, "the answer had begun")
  })

  it("reads how long to wait as seconds, ms and dates, and nothing from nonsense", () => {
    const after = (headers: Record<string, string>) => ModelErrors.retryAfterMs((name) => headers[name], 1_000)
    assert.strictEqual(after({ "retry-after": "1.5" }), 1500)
    assert.strictEqual(after({ "retry-after-ms": "12.2" }), 13)
    assert.strictEqual(after({ "retry-after": "Thu, 01 Jan 1970 00:00:03 GMT" }), 2000)
    assert.strictEqual(after({ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }), 0, "long past")
    assert.strictEqual(after({ "retry-after": "-3" }), 0)
    assert.isUndefined(after({ "retry-after": "soon" }))
    assert.isUndefined(after({}))
  })
})
