/** What is reserved for the steps that are asked for under it, within which limit of a day and in place of which others, and what is granted to the children that are. */
import * as Spent from "@fermata/core/Spent"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export const Reserved: Context.Reference<Spent.Amount | undefined> = Context.Reference<Spent.Amount | undefined>(
  "@fermata/engine/Reserved",
  { defaultValue: () => undefined }
)

export const DayLimit: Context.Reference<Spent.Amount | undefined> = Context.Reference<Spent.Amount | undefined>(
  "@fermata/engine/DayLimit",
  { defaultValue: () => undefined }
)

export const InPlaceOf: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@fermata/engine/InPlaceOf",
  { defaultValue: () => undefined }
)

/** The steps that are asked for under it were chosen by a model: asked again, it may choose others, in another order. */
export const Chosen: Context.Reference<boolean> = Context.Reference<boolean>("@fermata/engine/Chosen", {
  defaultValue: () => false
})

export const Granted: Context.Reference<Spent.Amount | undefined> = Context.Reference<Spent.Amount | undefined>(
  "@fermata/engine/Granted",
  { defaultValue: () => undefined }
)

/** What the child that is asked for may spend. What is no amount is a defect of the asker. */
export const granted = (child: string): Effect.Effect<Spent.Amount | undefined> =>
  Effect.flatMap(Granted, (amount) => {
    const problem = amount === undefined ? undefined : Spent.problemOf(amount)
    return problem === undefined
      ? Effect.succeed(amount)
      : Effect.die(unfit(`What is granted to run ${child}`, problem))
  })

export const unfit = (what: string, problem: string): Error => new Error(`${what} is no amount: ${problem}`)
