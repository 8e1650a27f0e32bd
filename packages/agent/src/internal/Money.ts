/** What calls of models cost and may cost, as amounts that the engine adds up. Pure. */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { Amount } from "@fermata/core/Amount"
import * as Spent from "@fermata/core/Spent"
import type { Price } from "../Model.ts"
import * as Prices from "../model/Prices.ts"

/** What a run may spend: US dollars, tokens, or both. */
export interface Budget {
  readonly usd?: number
  readonly tokens?: number
}

/** A budget in millionths of a dollar. Throws where it is none. */
export const amountOf = ({ tokens, usd }: Budget): Amount => {
  const amount: Amount = {
    ...(usd === undefined ? {} : { micros: Math.round(usd * 1_000_000) }),
    ...(tokens === undefined ? {} : { tokens })
  }
  const problem = Spent.problemOf(amount)
  if (problem !== undefined) throw new Error(`The budget ${JSON.stringify({ usd, tokens })} is none: ${problem}`)
  return amount
}

/** What a call has cost. */
export const costOf = (price: Price | undefined, usage: AgentMessage.Usage): Amount =>
  Spent.make(Prices.cost(price, usage).micros, AgentMessage.tokensOf(usage))

/** The most that a call can cost, which is reserved before it. */
export const atMost = (price: Price | undefined, input: number, output: number): Amount =>
  Spent.make(Prices.atMost(price, { input, output }).micros, input + output)

/** The larger of two amounts, in money and in tokens. */
export const larger = (a: Amount, b: Amount): Amount =>
  Spent.make(Math.max(a.micros ?? 0, b.micros ?? 0), Math.max(a.tokens ?? 0, b.tokens ?? 0))

/** What is left of a limit, for one of so many who share it. */
export const shareOf = (limit: Amount, spent: Amount, among: number): Amount => ({
  ...(limit.micros === undefined ? {} : { micros: left(limit.micros, spent.micros, among) }),
  ...(limit.tokens === undefined ? {} : { tokens: left(limit.tokens, spent.tokens, among) })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const left = (limit: number, spent: number | undefined, among: number): number =>
  Math.max(0, Math.floor((limit - (spent ?? 0)) / among))
