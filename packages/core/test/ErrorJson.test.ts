import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Data, Effect, Exit, Redacted, Schema } from "effect"
import * as fc from "fast-check"
import * as ErrorJson from "../src/ErrorJson.ts"
import * as ExitJson from "../src/ExitJson.ts"
import * as FailureText from "../src/FailureText.ts"

type Fields = Readonly<Record<string, unknown>>

const kept = (thrown: unknown): Fields => ErrorJson.encode(thrown) as Fields

class Refused
  extends Data.TaggedError("Refused")<{ readonly code: number; readonly secret: Redacted.Redacted<string> }>
{}

describe("what is kept of an error", () => {
  it("name, message, own fields, causes and the errors of an aggregate", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), {
      code: "ECONNREFUSED",
      errno: -111,
      address: "127.0.0.1",
      port: 9
    })
    const all = Object.assign(new AggregateError([refused, new RangeError("other")]), { code: "ECONNREFUSED" })
    const { stack, ...json } = kept(new TypeError("fetch failed", { cause: all }))
    assert.isArray(stack)
    assert.deepStrictEqual(ErrorJson.withoutPlaces(json), {
      name: "TypeError",
      message: "fetch failed",
      cause: {
        name: "AggregateError",
        message: "",
        code: "ECONNREFUSED",
        errors: [
          {
            name: "Error",
            message: "connect ECONNREFUSED 127.0.0.1:9",
            code: "ECONNREFUSED",
            errno: -111,
            address: "127.0.0.1",
            port: 9
          },
          { name: "RangeError", message: "other" }
        ]
      }
    })
    assert.strictEqual(FailureText.ofError(json), "fetch failed: connect ECONNREFUSED 127.0.0.1:9; other")
  })

  it("where it was thrown: a bounded number of places, from the folder in which it runs, none of the engine or of what carries it", async () => {
    const deep = (n: number): Error => n === 0 ? new Error("deep") : deep(n - 1)
    const { stack } = kept(deep(30)) as { readonly stack: ReadonlyArray<string> }
    assert.isAtMost(stack.length, ErrorJson.bounds.frames)
    assert.match(stack[0]!, /^deep \(packages\/core\/test\/ErrorJson\.test\.ts:\d+:\d+\)$/)
    const inEffect = await Effect.runPromiseExit(Effect.gen(function*() {
      yield* Effect.yieldNow
      return yield* Effect.die(new Error("in effect"))
    }))
    const die = Exit.isFailure(inEffect) ? inEffect.cause.reasons.find(Cause.isDieReason) : undefined
    for (const frame of kept(die?.defect)["stack"] as ReadonlyArray<string>) {
      assert.notMatch(frame, /node_modules|node:|packages\/\w+\/src|^\//)
    }
    const foreign = Object.assign(new Error("x"), {
      stack: [
        "Error: x\n    at not a frame, but a line of the message",
        "    at query (/srv/app/node_modules/pg/lib/client.js:54:3)",
        "    at work (file:///home/ann/secret%20project/src/work.ts:1:2)",
        "    at Module._compile (node:internal/modules/cjs/loader:1:2)",
        "    at next (/srv/app/node_modules/effect/dist/Effect.js:1:2)",
        "    at run (/srv/app/node_modules/@fermata/engine/dist/Engine.js:1:2)",
        `    at attempt (${new URL("../../engine/src/Step.ts", import.meta.url).href}:1:2)`,
        `    at attempt (${new URL("../../cli/dist/Main.js", import.meta.url).pathname}:1:2)`,
        "    at new Promise (<anonymous>)",
        "    at C:\\Users\\ann\\app\\main.js:7:1"
      ].join("\n")
    })
    assert.deepStrictEqual(kept(foreign)["stack"], [
      "query (node_modules/pg/lib/client.js:54:3)",
      "work (…/src/work.ts:1:2)",
      "…/app/main.js:7:1"
    ])
  })

  it("what a schema or a program redacts stays redacted, at any depth", () => {
    const secret = Redacted.make("4111")
    const error = new Refused({ code: 7, secret })
    error.cause = Object.assign(new Error("inner"), { nested: { list: [secret] } })
    const text = JSON.stringify(kept(error))
    assert.notInclude(text, "4111")
    assert.include(text, "<redacted>")
    class Charged
      extends Schema.TaggedError<Charged>()("Charged", { card: Schema.Redacted(Schema.String), cents: Schema.Int })
    {}
    const charged = new Charged({ card: secret, cents: 5 })
    assert.deepInclude(kept(charged), { _tag: "Charged", card: "<redacted>", cents: 5 })
    // A typed error is recorded by its schema; what is told beside it has none of its fields.
    const trace = ErrorJson.traceOf(charged) as Fields
    assert.hasAllKeys(trace, ["name", "stack"])
  })

  it("all of it is bounded, whatever an error carries", () => {
    const circular: { self?: unknown; big: string } = { big: "x".repeat(10_000_000) }
    circular.self = circular
    const error: Error = Object.assign(new Error("m".repeat(1_000_000)), {
      circular,
      body: new Uint8Array(10_000_000),
      list: Array.from({ length: 100_000 }, (_, index) => ({ index })),
      many: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index])),
      fine: 1
    })
    error.cause = error
    Object.assign(error, { errors: Array.from({ length: 1_000 }, () => new Error("e".repeat(10_000))) })
    const json = kept(error)
    assert.isAtMost(JSON.stringify(json).length, 60_000)
    assert.deepInclude(json, { body: "(10000000 bytes)", cause: "(the same error again)" })
    assert.lengthOf(json["errors"] as ReadonlyArray<unknown>, ErrorJson.bounds.errors)
    let chain = new Error("0")
    for (let level = 1; level < 100; level++) chain = new Error(`${level}`, { cause: chain })
    let levels = 0
    for (let at: unknown = kept(chain); typeof at === "object"; at = (at as Fields)["cause"]) levels++
    assert.strictEqual(levels, ErrorJson.bounds.causes)
  })

  it("nothing that an error does keeps it from being recorded", () => {
    const hostile = new Proxy(new Error("proxied"), {
      get: () => {
        throw new Error("no")
      },
      ownKeys: () => {
        throw new Error("no")
      }
    })
    const throwing = Object.defineProperties(new Error("getter"), {
      bad: {
        enumerable: true,
        get: () => {
          throw new Error("no")
        }
      },
      message: {
        get: () => {
          throw new Error("no")
        }
      }
    })
    const odd = Object.assign(new Error("odd"), {
      big: 10n,
      not: NaN,
      fn: () => 1,
      symbol: Symbol("s"),
      date: new Date(0),
      map: new Map([[1, 2]]),
      url: new URL("http://a/b"),
      nothing: undefined,
      none: null,
      __proto__x: 1
    })
    for (
      const thrown of [
        hostile,
        throwing,
        odd,
        undefined,
        null,
        1n,
        Symbol("s"),
        () => 1,
        NaN,
        new Map(),
        Object.create(null),
        new Proxy({}, {
          getPrototypeOf: () => {
            throw new Error("no")
          }
        })
      ]
    ) {
      const json = ErrorJson.encode(thrown)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), json)
      assert.strictEqual(typeof FailureText.ofError(json), "string")
      assert.strictEqual(typeof FailureText.ofCause(ExitJson.causeToJson(Cause.die(thrown))), "string")
    }
    assert.deepInclude(kept(odd), {
      big: "10n",
      not: "NaN",
      date: "1970-01-01T00:00:00.000Z",
      url: "http://a/b",
      none: null
    })
    assert.deepInclude(kept(new DOMException("stopped", "AbortError")), { name: "AbortError", message: "stopped" })
  })

  it("an error that was kept comes back as one, with its fields, and is kept the same again", () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie("value"), { maxKeys: 3 })
      ),
      error: fc.record({
        message: fc.string(),
        name: fc.constantFrom("Error", "TypeError", ""),
        fields: fc.dictionary(fc.string(), tie("value"), { maxKeys: 3 }),
        cause: fc.option(fc.oneof(tie("error"), fc.string()), { nil: undefined }),
        errors: fc.option(fc.array(tie("error"), { maxLength: 3 }), { nil: undefined })
      })
        .map(({ cause, errors, fields, message, name }) => {
          const error = new Error(message, cause === undefined ? {} : { cause })
          error.name = name
          for (const [key, value] of Object.entries(fields)) {
            Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
          }
          return errors === undefined ? error : Object.assign(error, { errors })
        })
    }))
    fc.assert(fc.property(value.error, (error) => {
      const json = ErrorJson.encode(error)
      const back = ErrorJson.decode(JSON.parse(JSON.stringify(json)))
      assert.instanceOf(back, Error)
      assert.deepStrictEqual(ErrorJson.encode(back), json)
    }))
  })

  it("errors that older builds recorded still come back", () => {
    const back = ErrorJson.decode({
      name: "TypeError",
      message: "no such thing",
      stack: "TypeError: no such thing\n    at a",
      cause: { message: "b" }
    }) as Error
    assert.deepStrictEqual([back.name, back.message, back.stack, (back.cause as Error).message], [
      "TypeError",
      "no such thing",
      "TypeError: no such thing\n    at a",
      "b"
    ])
    assert.strictEqual(ErrorJson.decode("text"), "text")
    assert.deepStrictEqual(ErrorJson.decode({ a: 1 }), { a: 1 })
  })

  it("comparisons do not count where something was thrown", () => {
    const made = [1, 2].map((n) =>
      n === 1 ? new Error("a", { cause: new Error("b") }) : new Error("a", {
        cause: new Error("b")
      })
    )
    const [one, two] = made.map((error) => ExitJson.causeToJson(Cause.die(error)))
    assert.notDeepEqual(one, two)
    assert.deepStrictEqual(ExitJson.withoutPlaces(one), ExitJson.withoutPlaces(two))
    const typed = made.map((error) => ExitJson.causeToJson(ExitJson.failure({ _tag: "X" }, error)))
    assert.notDeepEqual(typed[0], typed[1])
    assert.deepStrictEqual(ExitJson.withoutPlaces(typed[0]), [{ _tag: "Fail", error: { _tag: "X" } }])
    assert.isTrue(Context.isContext(Context.empty()))
  })

  it("the sentence tells what a wrapper has caught, and what a message leaves out", () => {
    const sentence = (error: unknown) => FailureText.ofError(ErrorJson.encode(error))
    assert.strictEqual(
      sentence(
        new Cause.UnknownError(
          new Error("fetch failed", { cause: new Error("refused") }),
          "An error occurred in Effect.tryPromise"
        )
      ),
      "fetch failed: refused"
    )
    assert.strictEqual(sentence(new Cause.UnknownError("plain")), "plain")
    assert.strictEqual(sentence(new Error("a: b", { cause: new Error("b") })), "a: b")
    assert.strictEqual(sentence(new Error("")), "Error")
    const unfit = Effect.runSync(
      Effect.flip(
        Schema.decodeUnknownEffect(Schema.Struct({ a: Schema.Struct({ pin: Schema.Int }) }))({ a: { pin: "1234" } })
      )
    )
    assert.strictEqual(sentence(unfit), "Expected number at [\"a\"][\"pin\"]")
    assert.notInclude(JSON.stringify(ErrorJson.encode(unfit)), "1234")
    assert.strictEqual(sentence(new AggregateError([new Error("x"), new Error("x"), new Error("y")])), "x; y")
    assert.isAtMost(sentence(new Error("m".repeat(100_000))).length, 600)
  })
})
