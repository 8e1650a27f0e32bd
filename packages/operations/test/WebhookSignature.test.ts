/** Webhooks are signed as their schemes say, and accepted when they were signed so and not otherwise. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Webhook } from "standardwebhooks"
import { WebhookSignature } from "../src/index.ts"

const secret = (text: string) => Redacted.make(text)
const standard = { type: "standard" } as const
const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
const other = "whsec_c2Vjb25kIHNlY3JldCBvZiBieXRlcw=="
const text = new TextEncoder()

/** Where it is now. */
const at = (ms: number) => TestClock.setTime(ms)

const schemes: ReadonlyArray<readonly [WebhookSignature.Scheme, string]> = [
  [standard, whsec],
  [{ type: "github" }, "It's a Secret to Everybody"],
  [{ type: "slack" }, "8f742231b10e8888abcd99yyyzzz85a5"],
  [{ type: "hmac", header: "X-Sum", prefix: "sha1=", algorithm: "sha1" }, "plain"],
  [{ type: "hmac", header: "X-Sum", algorithm: "sha512", encoding: "base64" }, "plain"],
  [{ type: "hmac", header: "X-Sum", prefix: "sha256=", timestamp: { header: "X-When", unit: "ms" } }, "plain"]
]

/** What is refused of this, or that it was accepted. */
const outcome = (
  scheme: WebhookSignature.Scheme,
  secrets: ReadonlyArray<string>,
  received: WebhookSignature.Received,
  options?: { readonly toleranceMs?: number }
) =>
  Effect.match(WebhookSignature.verify(scheme, secrets.map(secret), received, options), {
    onSuccess: () => "accepted",
    onFailure: (error) => error._tag === "SignatureRefused" ? error.kind : error._tag
  })

describe("WebhookSignature", () => {
  it.effect("verifies what the makers of the schemes print as examples", () =>
    Effect.gen(function*() {
      yield* at(1_614_265_330_000)
      const own = yield* WebhookSignature.verify(standard, [secret(whsec)], {
        headers: {
          "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
          "Webhook-Timestamp": "1614265330",
          "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        },
        body: `{"test": 2432232314}`
      })
      assert.deepStrictEqual(own, { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1_614_265_330_000 })
      yield* WebhookSignature.verify({ type: "github" }, [secret("It's a Secret to Everybody")], {
        headers: {
          "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        },
        body: "Hello, World!"
      })
      yield* at(1_531_420_618_000)
      const slack = yield* WebhookSignature.verify({ type: "slack" }, [secret("8f742231b10e8888abcd99yyyzzz85a5")], {
        headers: {
          "X-Slack-Request-Timestamp": "1531420618",
          "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        },
        body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V" +
          "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
          "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
          "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
      })
      assert.strictEqual(slack.at, 1_531_420_618_000)
    }))

  it.live("signs so that the package of Standard Webhooks verifies it by each of the secrets", () =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const body = `{"umlaut":"ü","lone":"${"\u{1F600}"}"}`
      const headers = yield* WebhookSignature.sign(standard, [secret(whsec), secret(other)], {
        id: "evt_1",
        at: now,
        body
      })
      for (const one of [whsec, other]) {
        assert.deepStrictEqual(new Webhook(one).verify(body, { ...headers }), JSON.parse(body))
      }
      assert.throws(() => new Webhook("dGhpcmQgc2VjcmV0").verify(body, { ...headers }))
    }))

  it.effect.each(schemes)(
    "accepts what it has signed, and nothing of which one thing was changed: %j",
    ([scheme, key]) =>
      Effect.gen(function*() {
        yield* at(1_700_000_000_000)
        const body = `{"a":1}`
        const message = { id: "m1", at: 1_700_000_000_000, body }
        const headers = yield* WebhookSignature.sign(scheme, [secret(key)], message)
        assert.strictEqual(yield* outcome(scheme, [key], { headers, body }), "accepted")
        assert.strictEqual(yield* outcome(scheme, [key], { headers, body: text.encode(body) }), "accepted")
        const capitals = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
        assert.strictEqual(yield* outcome(scheme, [key], { headers: capitals, body }), "accepted")
        for (const changed of [`{"a":2}`, `{"a":1} `, "", `\uFEFF{"a":1}`]) {
          assert.strictEqual(yield* outcome(scheme, [key], { headers, body: changed }), "mismatch", changed)
        }
        assert.strictEqual(yield* outcome(scheme, [`${other}`], { headers, body }), "mismatch")
        assert.strictEqual(yield* outcome(scheme, [], { headers, body }), "mismatch")
        assert.strictEqual(yield* outcome(scheme, [other, key], { headers, body }), "accepted")
        for (const name of Object.keys(headers)) {
          const { [name]: _, ...rest } = headers
          assert.strictEqual(yield* outcome(scheme, [key], { headers: rest, body }), "missing", name)
          const value = headers[name]!
          const turned = value.slice(0, -3) + (value.at(-3) === "1" ? "2" : "1") + value.slice(-2)
          assert.notStrictEqual(
            yield* outcome(scheme, [key], { headers: { ...headers, [name]: turned }, body }, { toleranceMs: Infinity }),
            "accepted",
            name
          )
        }
      })
  )

  it.effect("refuses what was signed longer ago than 5 minutes, or is from further ahead", () =>
    Effect.gen(function*() {
      const body = "now"
      for (const [scheme, key] of schemes) {
        yield* at(1_700_000_000_000)
        const headers = yield* WebhookSignature.sign(scheme, [secret(key)], { id: "m", at: 1_700_000_000_000, body })
        const timed = Object.keys(headers).length > 1
        for (
          const [ms, expected] of [[300_000, "accepted"], [301_000, "expired"], [-300_000, "accepted"], [
            -301_000,
            "expired"
          ]] as const
        ) {
          yield* at(1_700_000_000_000 + ms)
          assert.strictEqual(yield* outcome(scheme, [key], { headers, body }), timed ? expected : "accepted")
        }
        yield* at(1_700_000_060_000)
        assert.strictEqual(
          yield* outcome(scheme, [key], { headers, body }, { toleranceMs: 1000 }),
          timed ? "expired" : "accepted"
        )
      }
    }))

  it.effect("a secret that is none is told of by its place, and never repeated", () =>
    Effect.gen(function*() {
      const message = { id: "m", at: 0, body: "" }
      const [first, second] = ["no base64 at all!", "!"]
      for (const [bad, place] of [[[first], 1], [[whsec, second], 2], [["whsec_"], 1]] as const) {
        const error = yield* Effect.flip(WebhookSignature.sign(standard, bad.map(secret), message))
        assert.strictEqual(error.place, place)
        assert.notInclude(error.message, bad[place - 1]!.replace("whsec_", "?"))
      }
      const empty = yield* Effect.flip(WebhookSignature.sign({ type: "github" }, [secret("")], message))
      assert.strictEqual(empty._tag, "SecretUnusable")
    }))

  it.effect("a body that is no text is refused by Standard Webhooks, and signed byte by byte by the others", () =>
    Effect.gen(function*() {
      const body = Uint8Array.from([0xff, 0xfe, 0x00])
      const message = { id: "m", at: 0, body }
      const github = yield* WebhookSignature.sign({ type: "github" }, [secret("s")], message)
      assert.strictEqual(yield* outcome({ type: "github" }, ["s"], { headers: github, body }), "accepted")
      const replaced = yield* WebhookSignature.sign(standard, [secret(whsec)], { ...message, body: "\uFFFD\uFFFD\0" })
      assert.strictEqual(yield* outcome(standard, [whsec], { headers: replaced, body }), "mismatch")
    }))

  it.effect("nothing that is sent is accepted by chance, and nothing makes it throw", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...schemes),
          fc.dictionary(
            fc.constantFrom(
              "webhook-id",
              "webhook-timestamp",
              "webhook-signature",
              "X-Hub-Signature-256",
              "x-slack-signature",
              "X-Slack-Request-Timestamp",
              "x-sum",
              "X-When"
            ),
            fc.oneof(
              fc.string({ unit: "binary" }),
              fc.constantFrom("0", "-1", "1e3", "v1,", "v1, v1,", "sha256=", "v0=", "99999999999999999999", " "),
              fc.string({ unit: "binary", minLength: 5000, maxLength: 6000 })
            )
          ),
          fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array()),
          async ([scheme, key], headers, body) => {
            const result = await Effect.runPromise(
              outcome(scheme, [key, key], { headers, body }, { toleranceMs: Infinity })
            )
            assert.include(["missing", "malformed", "mismatch"], result)
          }
        ),
        { numRuns: process.env["FERMATA_LONG"] === undefined ? 300 : 5000 }
      )
    ))
})
