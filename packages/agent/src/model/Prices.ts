/**
 * What calls cost, from a list that goes with the package and bears its date.
 * Money is in millionths of a dollar, in whole numbers, rounded up once for a
 * call. What nobody knows is never free: without a price or without usage a call
 * costs what the dearest would, and says that this is an estimate.
 *
 * Usage is told apart here — tokens that were read anew, read from the cache,
 * written to it — and nothing is in two of them. Providers differ in what they
 * call input; `usageOf` makes one of both.
 */
import { type Listed, models, version } from "../internal/model/PriceList.generated.ts"
import type { Price } from "../Model.ts"

/** Tokens of one call, each counted once. */
export interface Usage {
  /** Read anew. */
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly output: number
  /** Nobody told it: it was made of the lengths of texts. */
  readonly estimated?: true | undefined
}

/** What a call costs. */
export interface Cost {
  /** Millionths of a US dollar. */
  readonly micros: number
  /** Rather too much than too little, since the price or the usage is unknown. */
  readonly estimated?: true
}

/** The version of the list. */
export const listVersion: string = version

/** What is in the list about a model. */
export interface Found {
  readonly price: Price
  /** As `price`, with a cache that lasts an hour. */
  readonly priceHour: Price
  /** Tokens of question and answer together, where the list knows. */
  readonly contextWindow: number | undefined
}

const expressions = new Map<Listed, RegExp>()
const matches = (listed: Listed, id: string): boolean => {
  const known = expressions.get(listed) ?? new RegExp(listed.match)
  expressions.set(listed, known)
  return known.test(id)
}

/**
 * What a model of a provider (`anthropic`, `openai`, `google`) costs at a time, in
 * ms of the epoch; undefined where the list does not know it.
 */
export const find = (provider: string, id: string, at: number): Found | undefined => {
  const listed = models.find((one) => one.provider === provider && one.id === id) ??
    models.find((one) => one.provider === provider && matches(one, id))
  const dated = listed?.prices.findLast(({ from }) => from === undefined || Date.parse(from) <= at)
  if (listed === undefined || dated === undefined) return undefined
  const { above, long, rates } = dated
  const priceOf = (write: number): Price => ({
    ...flat(rates, write),
    ...(above === undefined || long === undefined ? {} : { long: { above, ...flat(long, write) } })
  })
  return { price: priceOf(3), priceHour: priceOf(4), contextWindow: listed.window }
}

const flat = (rates: ReadonlyArray<number>, write: number) => ({
  input: rates[0]!,
  output: rates[1]!,
  cacheRead: rates[2]!,
  cacheWrite: rates[write]!
})

/** What a model is taken to cost that the list does not know: in each kind as much as the dearest of the Claude, GPT-5 and Gemini models. */
export const assumed: Price = { input: 30, output: 180, cacheRead: 30, cacheWrite: 37.5 }

/** What a call has cost. */
export const cost = (price: Price | undefined, usage: Usage): Cost => {
  const micros = total(price ?? assumed, usage)
  return price === undefined || usage.estimated === true ? { micros, estimated: true } : { micros }
}

/**
 * The most that a call can cost which sends so many tokens and allows so many for
 * its answer: what has to be reserved before. All of the question may have to be
 * written to the cache.
 */
export const atMost = (
  price: Price | undefined,
  { input, output }: { readonly input: number; readonly output: number }
): Cost => {
  const { micros } = (["input", "cacheRead", "cacheWrite"] as const)
    .map((kind) => cost(price, { input: 0, cacheRead: 0, cacheWrite: 0, [kind]: input, output }))
    .reduce((most, one) => one.micros > most.micros ? one : most)
  return price === undefined ? { micros, estimated: true } : { micros }
}

/** A price is a number of dollars for a million tokens, so millionths of a dollar for a token; it is summed in millionths of these. */
const precision = 1_000_000

const total = (price: Price, usage: Usage): number => {
  const { long } = price
  const rates = long !== undefined && usage.input + usage.cacheRead + usage.cacheWrite > long.above ? long : price
  const exact = (["input", "cacheRead", "cacheWrite", "output"] as const).reduce(
    (sum, kind) => sum + BigInt(Math.max(0, Math.ceil(usage[kind]))) * BigInt(Math.round(rates[kind] * precision)),
    0n
  )
  return Math.min(Number((exact + BigInt(precision - 1)) / BigInt(precision)), Number.MAX_SAFE_INTEGER)
}

/** What a provider tells of the tokens of a call. */
export interface Told {
  /** All that was sent, where the provider counts cached tokens in; or what of it was read anew, where it does not. */
  readonly input?: number | null | undefined
  readonly output?: number | null | undefined
  readonly cacheRead?: number | null | undefined
  readonly cacheWrite?: number | null | undefined
}

/**
 * Usage with each token counted once. `inputIncludesCached`: OpenAI and Google
 * count cached tokens as input, Anthropic does not. Undefined where the provider
 * told too little to know what the call has cost.
 */
export const usageOf = (told: Told, inputIncludesCached: boolean): Usage | undefined => {
  const { cacheRead, cacheWrite, input, output } = told
  if (input == null || output == null) return undefined
  const read = cacheRead ?? 0
  const written = cacheWrite ?? 0
  return {
    input: inputIncludesCached ? Math.max(0, input - read - written) : input,
    cacheRead: read,
    cacheWrite: written,
    output
  }
}
