/** What somebody does, as it is kept with the operation that does it. */
import * as AuditLine from "@fermata/core/AuditLine"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import { type Actor, AnsweredBefore, CurrentActor } from "../Actor.ts"
import * as AuditChain from "../AuditChain.ts"
import type { Act, Acted, Answer, Answers, Known, Op, StorageFailed } from "../Backend.ts"
import { CurrentTenant } from "../CurrentTenant.ts"
import { CurrentRun } from "./run/RunPort.ts"

/** What is done, to what, and by whom, where the caller of a verb names somebody. */
export interface What {
  readonly action: string
  readonly target: string
  readonly detail?: AuditLine.AuditDetail
  readonly by?: string | undefined
}

/** An operation that may be an act, and one that is. */
type ActedOp = Extract<Op, Acted>
export type AnswerTo<O extends ActedOp> = O extends { readonly op: infer K extends keyof Answers } ? Answers[K] : never

/**
 * The act of whoever acts in this fiber. What a run does is none: its journal
 * tells of that.
 *
 * @param now ms since the epoch.
 * @param answer What a request for it is answered with; null where that is told only once.
 * @param isTraffic It is what programs do as a matter of course: an act only where somebody is said to act.
 */
export const of = <A extends Answers[keyof Answers]>(
  now: () => number,
  { action, by, detail = {}, target }: What,
  answer: (answer: A) => unknown,
  isTraffic = false
): Effect.Effect<Act | undefined> =>
  Effect.withFiber((fiber) => {
    const actor = fiber.getRef(CurrentActor) ?? (isTraffic ? undefined : library)
    if (actor === undefined || fiber.getRef(CurrentRun) !== undefined) return Effect.undefined
    const { how, request, who = by ?? "unknown" } = actor
    const tenant = fiber.getRef(CurrentTenant) ?? Tenant.of(target)
    return Effect.succeed({
      line: {
        who,
        how,
        action,
        target,
        detail: AuditLine.detailText(detail),
        ...(tenant === undefined ? {} : { tenant })
      },
      now,
      ...(request === undefined ? {} : {
        request: {
          ...request,
          answer: (given) => {
            const told = answer(given as A)
            return told === null ? null : StoredJson.textOf(told)
          }
        }
      })
    })
  })

/** Writes an operation as this act. Dies with `AnsweredBefore` where its request was answered before. */
export const write = <O extends ActedOp>(
  write: (op: O) => Effect.Effect<Answer<O>, StorageFailed>,
  op: O,
  act: Act | undefined
): Effect.Effect<AnswerTo<O>, StorageFailed> =>
  act === undefined
    ? write(op) as Effect.Effect<AnswerTo<O>, StorageFailed>
    : Effect.flatMap(write({ ...op, act }), fresh) as Effect.Effect<AnswerTo<O>, StorageFailed>

/** The answer to an act that was done now. */
export const fresh = <A extends object>(answer: A): Effect.Effect<Exclude<A, Known>> =>
  AuditChain.isKnown(answer)
    ? Effect.die(new AnsweredBefore({ request: answer.answered }))
    : Effect.succeed(answer as Exclude<A, Known>)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const library: Actor = { how: "library" }
