import { assert, describe, it } from "@effect/vitest"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Prices from "@fermata/agent/model/Prices"
import { calcPrice } from "@pydantic/genai-prices"
import { Config, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"

const today = Date.parse("2026-11-29")
const priced = (provider: string, id: string, at = today) => Prices.find(provider, id, at)!

const tokens = fc.nat({ max: 2_000_000 })
const usage = fc.record({ input: tokens, cacheRead: tokens, cacheWrite: tokens, output: tokens })
const rate = fc.integer({ min: 0, max: 100_000_000 }).map((rate) => rate / 1_000_000)
const flat = fc.record({ input: rate, output: rate, cacheRead: rate, cacheWrite: rate })

describe("what a call costs", () => {
  it("is what the source of the list says, for every kind of token, tier and date", () => {
    const models = [
      ["anthropic", "claude-opus-5-5"],
      ["anthropic", "claude-opus-4-6"],
      ["anthropic", "claude-sonnet-4-5-20250929"],
      ["anthropic", "claude-sonnet-5-5"],
      ["anthropic", "claude-haiku-4-5"],
      ["google", "gemini-3.1-pro-preview"],
      ["google", "gemini-3.6-flash"]
    ] as const
    fc.assert(
      fc.property(
        usage,
        fc.constantFrom(...models),
        fc.constantFrom("2025-12-01", "2026-11-29", "2027-06-01"),
        ({ cacheRead, cacheWrite, input, output }, [providerId, id], date) => {
          const timestamp = new Date(date)
          const expected = calcPrice(
            {
              input_tokens: input + cacheRead + cacheWrite,
              cache_read_tokens: cacheRead,
              cache_write_tokens: cacheWrite,
              output_tokens: output
            },
            id,
            { providerId, timestamp }
          )!.total_price * 1_000_000
          const { price } = priced(providerId, id, timestamp.getTime())
          const { micros } = Prices.cost(price, { input, cacheRead, cacheWrite, output })
          assert.isAtLeast(micros, expected - 0.001)
          assert.isBelow(micros, expected + 1.001)
        }
      ),
      { numRuns: 500 }
    )
  })

  it("is a whole number that is rounded up once, grows with each token, and is about the sum of its parts", () =>
    fc.assert(fc.property(flat, usage, usage, (price, a, b) => {
      const of = (usage: Prices.Usage) => Prices.cost(price, usage).micros
      const both = {
        input: a.input + b.input,
        cacheRead: a.cacheRead + b.cacheRead,
        cacheWrite: a.cacheWrite + b.cacheWrite,
        output: a.output + b.output
      }
      assert.isTrue(Number.isSafeInteger(of(both)))
      assert.isAtLeast(of(both), Math.max(of(a), of(b)))
      assert.isAtMost(of(both), of(a) + of(b))
      assert.isAtLeast(of(both) + 1, of(a) + of(b))
    })))

  it("counts long questions by their own price in whole, cached tokens included", () => {
    const { price } = priced("openai", "gpt-5.5")
    const of = (input: number, cacheRead: number) =>
      Prices.cost(price, { input, cacheRead, cacheWrite: 0, output: 1_000 }).micros
    assert.strictEqual(of(271_999, 0), 271_999 * 5 + 30_000)
    assert.strictEqual(of(0, 272_000), 272_000 * 1 + 45_000)
  })

  it("takes the price of the day", () => {
    const at = (date: string) => priced("google", "gemini-3.6-flash", Date.parse(date)).price.input
    assert.deepStrictEqual([at("2026-12-31"), at("2027-01-01")], [0.75, 1.5])
  })

  it("counts a cache that lasts an hour by its own price", () => {
    const { price, priceHour } = priced("anthropic", "claude-opus-5-5")
    assert.deepStrictEqual([price.cacheWrite, priceHour.cacheWrite, priceHour.input], [5, 8, 4])
  })

  it("is never nothing where the price is unknown: as dear as the dearest of the day, and marked", () => {
    for (const id of ["claude-haiku-5-5", "claude-fable-5-2", "claude-mythos-5-2"]) {
      assert.isUndefined(Prices.find("anthropic", id, today), `${id} is not in the list`)
    }
    fc.assert(fc.property(
      usage,
      fc.constantFrom(["anthropic", "claude-opus-5-5"], ["anthropic", "claude-fable-5-1"], ["openai", "gpt-5.5-pro"], [
        "google",
        "gemini-3.1-pro-preview"
      ]),
      (used, [provider, id]) => {
        const { long: _, ...price } = priced(provider!, id!).price
        const unknown = Prices.cost(undefined, used)
        assert.isAtLeast(unknown.micros, Prices.cost(price, used).micros)
        assert.strictEqual(unknown.estimated, true)
      }
    ))
    assert.isAbove(Prices.cost(undefined, { input: 1, cacheRead: 0, cacheWrite: 0, output: 0 }).micros, 0)
  })

  it("is marked where the usage is an estimate, and not where both are known", () => {
    const { price } = priced("anthropic", "claude-opus-5-5")
    const used = { input: 10, cacheRead: 0, cacheWrite: 0, output: 1 }
    assert.deepStrictEqual(Prices.cost(price, used), { micros: 60 })
    assert.deepStrictEqual(Prices.cost(price, { ...used, estimated: true }), { micros: 60, estimated: true })
  })

  it("is at most what was reserved for it, however its tokens are cached", () =>
    fc.assert(fc.property(fc.option(flat, { nil: undefined }), usage, (price, used) => {
      const most = Prices.atMost(price, { input: used.input + used.cacheRead + used.cacheWrite, output: used.output })
      assert.isAtLeast(most.micros, Prices.cost(price, used).micros)
    })))
})

describe("what a provider tells of its tokens", () => {
  it("comes to the same whether cached tokens are counted as input or not", () =>
    fc.assert(fc.property(usage, (used) => {
      const { cacheRead, cacheWrite, input, output } = used
      assert.deepStrictEqual(Prices.usageOf({ input, cacheRead, cacheWrite, output }, false), used)
      assert.deepStrictEqual(
        Prices.usageOf({ input: input + cacheRead + cacheWrite, cacheRead, cacheWrite, output }, true),
        used
      )
    })))

  it("is unknown, and not zero, where input or output is missing", () => {
    assert.isUndefined(Prices.usageOf({ input: 5 }, true))
    assert.isUndefined(Prices.usageOf({ input: null, output: 5 }, false))
    assert.deepStrictEqual(Prices.usageOf({ input: 5, output: 0 }, true), {
      input: 5,
      cacheRead: 0,
      cacheWrite: 0,
      output: 0
    })
  })
})

describe("models of Anthropic", () => {
  const limits = (id: string, options: Anthropic.Options = {}) =>
    Effect.andThen(
      TestClock.setTime(today),
      Anthropic.provider({ apiKey: Config.succeed(Redacted.make("k")), ...options }).find(id)!
    )
  it.effect("know their window and price from the list, and what is said over it", () =>
    Effect.gen(function*() {
      const opus = yield* limits("anthropic/claude-opus-5-5")
      assert.deepInclude({ ...opus }, { contextWindow: 1_000_000, price: priced("anthropic", "claude-opus-5-5").price })
      assert.strictEqual((yield* limits("claude-opus-5-5", { extras: { cacheTtl: "1h" } })).price?.cacheWrite, 8)
      const own = { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 }
      const said = yield* limits("claude-new", { models: { "claude-new": { price: own, maxOutput: 5 } } })
      assert.deepInclude({ ...said }, { price: own, maxOutput: 5, contextWindow: 200_000 })
    }))
  it.effect("have no price where the list has none for what is asked", () =>
    Effect.gen(function*() {
      assert.isUndefined((yield* limits("claude-haiku-5-5")).price)
      assert.isUndefined((yield* limits("claude-opus-5-5", { extras: { speed: "fast" } })).price)
    }))
})
