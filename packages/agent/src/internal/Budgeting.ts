/** Whether a run can pay for its next model call, in the body of the run. */
import type { Amount } from "@fermata/core/Amount"
import * as Spent from "@fermata/core/Spent"
import type { Engine } from "@fermata/engine/Engine"
import * as Workflows from "@fermata/engine/Workflows"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { ModelOverride, Models } from "../Model.ts"
import * as Money from "./Money.ts"
import type { Setup } from "./Setup.ts"

type Needs = Engine | WorkflowInstance

/** What a run may spend by now: what it was given, and what operators have added; undefined for no limit. */
export const limitOf = (budget: Amount | undefined): Effect.Effect<Amount | undefined, never, Needs> =>
  budget === undefined
    ? Effect.succeed(undefined)
    : Effect.map(Workflows.budget, ({ raised }) => Spent.raisedBy(budget, raised))

/** The most that a call can cost whose question has so many tokens, with the dearest of the models. */
export const reserve = (
  models: ReadonlyArray<string>,
  input: number,
  maxTokens: number
): Effect.Effect<Amount, never, Models> =>
  Effect.gen(function*() {
    const known = yield* Models
    const override = yield* ModelOverride
    let most: Amount = Spent.zero
    for (const name of override === undefined ? models : [override]) {
      const model = yield* Effect.option(known.get(name))
      if (Option.isNone(model)) continue
      const { maxOutput, price } = model.value
      most = Money.larger(most, Money.atMost(price, input, Math.min(maxTokens, maxOutput)))
    }
    return most
  })

/** Whether a call that may cost so much can be paid for: now, or once somebody has raised the budget. */
export const affords = Effect.fnUntraced(function*<R>(
  budget: Amount | undefined,
  onBudget: Setup["onBudget"],
  reserved: Effect.Effect<Amount, never, R>
): Effect.fn.Return<boolean, never, Needs | R> {
  while (true) {
    const limit = yield* limitOf(budget)
    if (limit === undefined) return true
    const wanted = Spent.sum((yield* Workflows.spent).total, yield* reserved)
    // Prices are configuration: what was affordable once was paid.
    const isShort = yield* Workflows.decide("budget", Schema.Boolean, () => Spent.exceeds(wanted, limit))
    if (!isShort) return true
    if (onBudget === "finish") return false
    yield* Workflows.awaitBudget(limit)
  }
})
