/**
 * Rules that people have let stand: whoever answers a question that offers some
 * (`Approval.ask`) may let one of them stand, and from then on the like need not
 * be asked. What a rule means, and what it may open, is for the asker to say.
 */
import type { StandingRule } from "@fermata/core/StandingRule"
import * as Effect from "effect/Effect"
import type { StorageFailed } from "./Backend.ts"
import { Engine } from "./Engine.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as RunRules from "./internal/RunRules.ts"

export type { StandingFilter, StandingOffer, StandingRule } from "@fermata/core/StandingRule"

/**
 * The rules that stand for an agent in a workspace, as they are now. In a run
 * this is for the body of a step, so that a replay finds what was found.
 */
export const of = (
  scope: { readonly agent: string; readonly workspace: string }
): Effect.Effect<ReadonlyArray<StandingRule>, StorageFailed, Engine> =>
  Effect.flatMap(CurrentRuntime.current, ({ store }) => RunRules.list(store.backend, scope))
