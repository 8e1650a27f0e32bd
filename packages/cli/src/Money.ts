/**
 * Money and tokens as people type and read them. Decimal dollars become
 * millionths of one exactly, without a floating-point number in between.
 */
import type * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as Effect from "effect/Effect"
import { type CommandFailed, refused } from "./CommandFailed.ts"

/** Millionths of a dollar, from 1 on, of an option such as `--usd`. */
export const read = (option: string, text: string): Effect.Effect<number, CommandFailed> => {
  const micros = microsOf(text)
  return micros === undefined
    ? refused(
      "InvalidValue",
      `${option} expects an amount in dollars above 0, with at most six decimal places, such as 1 or 0.25; found "${text}"`
    )
    : Effect.succeed(micros)
}

/** An amount as one word: dollars, or with `tokens` behind it so many of those. */
export const readAmount = (name: string, text: string): Effect.Effect<Spent.Amount, CommandFailed> => {
  const [, tokens] = /^(\d{1,15}) ?tokens?$/.exec(text.trim()) ?? []
  const amount = tokens === undefined ? Spent.make(microsOf(text) ?? 0, 0) : Spent.make(0, Number(tokens))
  return Spent.isZero(amount)
    ? refused(
      "InvalidValue",
      `${name} expects dollars above 0 with at most six decimal places, such as 1 or 0.25, or a whole number of tokens, such as 50000tokens; found "${text}"`
    )
    : Effect.succeed(amount)
}

/** Undefined where it is no amount above 0, or one that no whole number of millionths holds. */
export const microsOf = (text: string): number | undefined => {
  const [, whole, part = ""] = /^\$?(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text.trim()) ?? []
  if (whole === undefined) return undefined
  const micros = Number(`${whole}${part.padEnd(6, "0")}`)
  return micros > 0 && Number.isSafeInteger(micros) ? micros : undefined
}

/** What a run has spent; undefined where it is nothing, and nothing is in flight. */
export const spent = ({ children, reserved, total, unsettled }: RunView.SpentView): string | undefined => {
  if (Spent.isZero(total) && Spent.isZero(reserved)) return undefined
  const parts = [
    ...(Spent.isZero(children) ? [] : [`${Spent.text(children)} by children`]),
    ...(Spent.isZero(unsettled) ? [] : [`${Spent.text(unsettled)} reserved by what came to no outcome`])
  ]
  return `${Spent.text(total)}${parts.length === 0 ? "" : `, of it ${parts.join(" and ")}`}${
    Spent.isZero(reserved) ? "" : `; up to ${Spent.text(reserved)} more in flight`
  }`
}

/** What a run may spend, as it was told from outside; undefined where it was not. */
export const budget = ({ granted, raised }: RunView.BudgetView): string | undefined =>
  [
    ...(granted === undefined ? [] : [`granted ${Spent.text(granted)}`]),
    ...(Spent.isZero(raised) ? [] : [`raised by ${Spent.text(raised)}`])
  ].join(", ") || undefined

/** A limit with what was added to it; what it does not name stays without a limit. */
export const raised = (limit: Spent.Amount, { micros = 0, tokens = 0 }: Spent.Amount): Spent.Amount => ({
  ...(limit.micros === undefined ? {} : { micros: limit.micros + micros }),
  ...(limit.tokens === undefined ? {} : { tokens: limit.tokens + tokens })
})

/** What a step or a child has cost; undefined where nothing is known of that. */
export const cost = ({ reserved, spent, unsettled }: Spent.Cost): string | undefined =>
  [
    ...(spent === undefined ? [] : [Spent.text(spent)]),
    ...(unsettled === undefined ? [] : [`${Spent.text(unsettled)} reserved without an outcome`]),
    ...(reserved === undefined ? [] : [`up to ${Spent.text(reserved)} in flight`])
  ].join(", ") || undefined
