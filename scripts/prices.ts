/**
 * Writes the list of prices that agents are shipped with, from the data of
 * `@pydantic/genai-prices`: `npm run prices`, after its version was raised. The package itself is 800 kB and
 * knows many providers; a program needs three of them, and what text costs.
 */
import { findProvider, type MatchLogic, type ModelPrice, TieredPrices } from "@pydantic/genai-prices"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const target = fileURLToPath(new URL("../packages/agent/src/internal/model/PriceList.generated.ts", import.meta.url))
const source = new URL("../node_modules/@pydantic/genai-prices/package.json", import.meta.url)
const { version } = JSON.parse(readFileSync(source, "utf8")) as { readonly version: string }

const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)

/** The source of an expression that matches the same names. */
const expression = (match: MatchLogic): string => {
  if ("or" in match) return match.or.map(expression).join("|")
  if ("and" in match) return `^${match.and.map((one) => `(?=${anywhere(one)})`).join("")}`
  if ("equals" in match) return `^${literal(match.equals)}$`
  if ("starts_with" in match) return `^${literal(match.starts_with)}`
  if ("ends_with" in match) return `${literal(match.ends_with)}$`
  return "contains" in match ? literal(match.contains) : match.regex
}
const anywhere = (match: MatchLogic): string =>
  "contains" in match || "ends_with" in match || "regex" in match && !match.regex.startsWith("^")
    ? `.*(?:${expression(match)})`
    : expression(match)

type Rate = ModelPrice[string]
const base = (rate: Rate): number | undefined => isTiered(rate) ? rate.base : rate
const long = (rate: Rate): number | undefined => isTiered(rate) ? rate.tiers.at(-1)?.price ?? rate.base : rate
const isTiered = (rate: Rate): rate is TieredPrices => typeof rate === "object"

/** Input, output, read from the cache, written to it, written to it for an hour. */
const rates = (price: ModelPrice, of: (rate: Rate) => number | undefined) => {
  const input = of(price["input_mtok"])!
  const write = of(price["cache_write_mtok"]) ?? input
  return [
    input,
    of(price["output_mtok"])!,
    of(price["cache_read_mtok"]) ?? input,
    write,
    of(price["cache_write_1h_mtok"]) ?? write
  ]
}

const priceOf = (price: ModelPrice, from: string | undefined) => {
  const starts = Object.values(price).flatMap((rate) => isTiered(rate) ? rate.tiers.map(({ start }) => start) : [])
  return {
    ...(from === undefined ? {} : { from }),
    rates: rates(price, base),
    ...(starts.length === 0 ? {} : { above: Math.min(...starts), long: rates(price, long) })
  }
}

const models = ["anthropic", "openai", "google"].flatMap((providerId) =>
  findProvider({ providerId })!.models.flatMap(({ context_window, id, match, prices }) => {
    const dated = (Array.isArray(prices) ? prices : [{ prices }])
      .filter(({ constraint, prices }) =>
        constraint?.type !== "time_of_date" && prices["input_mtok"] !== undefined && prices["output_mtok"] !== undefined
      )
      .map(({ constraint, prices }) =>
        priceOf(prices, constraint?.type === "start_date" ? constraint.start_date : undefined)
      )
    return dated.length === 0
      ? []
      : [{
        provider: providerId,
        id,
        match: expression(match),
        ...(context_window === undefined ? {} : { window: context_window }),
        prices: dated
      }]
  })
)

writeFileSync(
  target,
  `/** Written by \`npm run prices\` from \`@pydantic/genai-prices\` ${version} (MIT). */
export interface Listed {
  readonly provider: string
  readonly id: string
  /** Matches the names of the model. */
  readonly match: string
  /** Tokens of question and answer. */
  readonly window?: number
  /** The latest last. Dollars for a million tokens: input, output, cache read, cache write, cache write for an hour. */
  readonly prices: ReadonlyArray<{
    readonly from?: string
    readonly rates: ReadonlyArray<number>
    /** For questions of more input tokens than this, all of it by \`long\`. */
    readonly above?: number
    readonly long?: ReadonlyArray<number>
  }>
}

/** The version of the data. */
export const version = ${JSON.stringify(version)}

/** What models cost. */
export const models: ReadonlyArray<Listed> = [
${models.map((model) => `  ${JSON.stringify(model)}`).join(",\n")}
]
`
)
execFileSync(process.execPath, [fileURLToPath(new URL("format.ts", import.meta.url))], { stdio: "inherit" })
