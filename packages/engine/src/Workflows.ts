/**
 * What Fermata adds to a workflow: its version and limits, as annotations of an
 * `effect/workflow` `Workflow`, and what its body may ask of the run.
 */
import type { Amount } from "@fermata/core/Spent"
import * as Spent from "@fermata/core/Spent"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Giver } from "@fermata/core/ValueRefused"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Engine } from "./Engine.ts"
import * as Handover from "./internal/Handover.ts"
import { type OutcomeCodec, outcomeCodec } from "./internal/JsonCodec.ts"
import * as NoteKinds from "./internal/NoteKinds.ts"
import { Granted as GrantedAmount } from "./internal/Reserved.ts"
import type { Budget, Spending } from "./internal/run/Purse.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"

export type { Budget, Spending } from "./internal/run/Purse.ts"
export { defaultLimits, Limits, Signals, Title, Version } from "./internal/WorkflowAnnotations.ts"

/**
 * Whether this run goes the new way, in the body of a workflow that was changed
 * while runs of it are on their way.
 *
 * True for a run that comes here for the first time under the changed code, and
 * from then on at every replay; false for one that passed this place under the
 * code before.
 *
 * Once no run of the old way is left, delete the call and the old way: a marker
 * that nobody asks about any more is passed over.
 *
 * @example
 * ```ts
 * if (yield* Workflows.patched("check-fraud")) yield* checkFraud(order)
 * yield* charge(order)
 * ```
 */
export const patched = (id: string): Effect.Effect<boolean, never, Engine | WorkflowInstance> =>
  Effect.flatMap(CurrentRun, (place) =>
    place !== undefined && place.step === undefined
      ? place.run.acts.patch(id)
      : Effect.die(new Error(`Patch "${id}" is asked about in the body of a workflow, not in a step or outside a run`)))

/**
 * Decides something once for the run: the first time that its body comes here,
 * `decide` is asked, and what it says is recorded and holds on every replay,
 * whatever the code would say then. So a policy, a limit or a list that is
 * configuration may be changed while runs wait behind what was decided by it.
 *
 * The value is encoded by the schema and read back, at once as on a replay. The
 * decision costs no commit of its own: until what follows from it is recorded,
 * a crash takes it back, and it is made anew.
 *
 * Decisions of one name are numbered in the order in which they are asked for:
 * `name`, `name~2`, `name~3`. A decision that is added to the code, or taken
 * out of it, before a place that runs have passed is a divergence, as a step
 * is; `patched` tells such runs apart. Of a decision that is said to be `added`,
 * a run that has passed the place without it goes on with what `decide` says, on
 * every replay anew: it has to be what that run went by.
 *
 * `decide` is synchronous: what waits, or touches the world, is a step. What it
 * throws is a defect of the body, and nothing is recorded; a value that the
 * schema refuses or JSON cannot hold fails the call with `ValueRefused`. Dies in
 * a step and outside of a run.
 *
 * @param name What is decided, in the run.
 * @param schema The schema of the value.
 * @param decide Says what is decided.
 * @param options `added`: the decision was added to the code while runs of it were on their way.
 *
 * @example
 * ```ts
 * const Verdict = Schema.Literals(["allow", "ask", "deny"])
 * const verdict = yield* Workflows.decide("policy", Verdict, () => policy(call))
 * if (verdict === "ask") yield* Approval.ask("call", { prompt: "Go?", approvers: ["ada"] })
 * ```
 */
export const decide = <A extends Schema.Top>(
  name: string,
  schema: A,
  decide: () => A["Type"],
  { added = false }: { readonly added?: boolean } = {}
): Effect.Effect<A["Type"], never, Engine | WorkflowInstance> =>
  Effect.flatMap(CurrentRun, (place) => {
    if (place === undefined || place.step !== undefined) {
      return Effect.die(
        new Error(`Decision "${name}" is made in the body of a workflow, not in a step or outside a run`)
      )
    }
    const codec = outcomeCodec(schema)
    const { run, within = "" } = place
    return Effect.flatMap(
      run.acts.decide(within + name, (key) => made(`value of decision "${key}"`, codec, decide, run.giver), added),
      (decision): Effect.Effect<A["Type"]> => {
        if (decision._tag === "Made") return Exit.map(decision.exit, ({ value }) => value)
        const { key, value } = decision
        const read = Handover.guarded(codec.decode, value)
        return Exit.isSuccess(read)
          ? Effect.succeed(read.value)
          : Effect.andThen(
            run.steps.unreadable(key, Cause.pretty(read.cause).split("\n")[0]!, `value of decision "${key}"`),
            Effect.orDie(read)
          )
      }
    )
  })

/**
 * Records a note in the journal of the run, for people and for what counts
 * afterwards; nothing in the run follows from it. In the body of a workflow it
 * is recorded once however often that is replayed, in a step at every attempt,
 * at the latest with the attempt's outcome. Dies outside of a run, and for a
 * kind of notes that the engine makes itself.
 *
 * @param kind What sort of note it is, such as `usage`.
 * @param text What it says, or what it is about.
 * @param data More of it, as JSON; null where it cannot be stored.
 */
export const note = (kind: string, text: string, data?: unknown): Effect.Effect<void> =>
  Effect.flatMap(CurrentRun, (place) => {
    if (place === undefined) return Effect.die(new Error(`The note "${kind}" is made outside of a run`))
    if (NoteKinds.isOwn(kind)) return Effect.die(new Error(`Notes of the kind "${kind}" are the engine's own`))
    const stored = data === undefined ? undefined : Option.getOrNull(Result.getSuccess(StoredJson.of(data)))
    const scrub = place.confidant?.scrub
    if (place.letGo === true) return Effect.void
    if (scrub === undefined) place.run.acts.note(kind, text, stored, place.step !== undefined)
    else place.run.acts.note(scrub.text(kind), scrub.text(text), stored && scrub.stored(stored), true)
    return Effect.void
  })

/**
 * What this run has spent, in the body of a workflow: by the outcomes that the
 * code has been told, so that a replay finds the same at the same place. What a
 * step had reserved counts where an attempt came to no outcome, and where the
 * code waits for the step no more. Amounts are in millionths of a US dollar and
 * in tokens. Dies in a step and outside of a run.
 *
 * What follows from it is decided by code, and so by prices that may change
 * while the run waits: a decision that stored runs must keep is recorded.
 */
export const spent: Effect.Effect<Spending, never, Engine | WorkflowInstance> = Effect.flatMap(
  CurrentRun,
  (place) =>
    place !== undefined && place.step === undefined
      ? Effect.sync(() => place.run.acts.spending())
      : Effect.die(new Error("What a run has spent is asked in the body of a workflow, not in a step or outside a run"))
)

/**
 * What this run may spend, as far as it was told from outside, in the body of a
 * workflow: what whoever started it has `granted`, and what operators have
 * `raised` since (`Runs.raise`), in sum. A replay finds the same at the same
 * place. Dies in a step and outside of a run.
 */
export const budget: Effect.Effect<Budget, never, Engine | WorkflowInstance> = Effect.flatMap(
  CurrentRun,
  (place) =>
    place !== undefined && place.step === undefined
      ? Effect.sync(() => place.run.acts.budget())
      : Effect.die(new Error("The budget of a run is asked in the body of a workflow, not in a step or outside a run"))
)

/**
 * Of how many raises this run was told, in the body of a workflow: of its own
 * budget, and of days that all runs of its workflow share (`Runs.raiseDay`). A
 * replay finds the same at the same place. Whoever was refused something by a
 * limit, and finds more raises than before, need not wait for one. Dies in a step
 * and outside of a run.
 */
export const raises: Effect.Effect<number, never, Engine | WorkflowInstance> = Effect.flatMap(
  CurrentRun,
  (place) =>
    place !== undefined && place.step === undefined
      ? Effect.sync(() => place.run.acts.raises())
      : Effect.die(new Error("The raises of a run are asked in the body of a workflow, not in a step or outside a run"))
)

/**
 * Waits, in the body of a workflow, until an operator raises the budget of the
 * run, and answers with the budget as it is then. Meanwhile the run is suspended
 * as `budget`, and says how much of this `limit` it has spent. Raises that came
 * before count in the budget and are not waited for again; all who wait go on
 * with the same raise.
 *
 * Whether the budget is enough is for the code to say, and it has to say the same
 * on every replay: `decide` records it.
 *
 * With `until` (ms since the epoch) the wait ends at that time, too: it is a
 * durable timer. `detail` says what is short, in place of what the run has spent
 * of the limit, and `day` (UTC days since the epoch) that it is a limit which all
 * runs of the workflow share on that day, which `Runs.raiseDay` raises: such a
 * raise ends the wait, too, and changes nothing of `raised`.
 *
 * @example
 * ```ts
 * let limit = Spent.sum({ micros: 2_000_000 }, (yield* Workflows.budget).raised)
 * while (yield* Workflows.decide("short", Schema.Boolean, () => Spent.exceeds(Spent.sum(spent, next), limit))) {
 *   limit = Spent.sum({ micros: 2_000_000 }, (yield* Workflows.awaitBudget(limit)).raised)
 * }
 * ```
 */
export const awaitBudget = (
  limit: Amount,
  { day, detail, until }: { readonly until?: number; readonly detail?: string; readonly day?: number } = {}
): Effect.Effect<Budget, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const place = yield* CurrentRun
    if (place === undefined || place.step !== undefined) {
      return yield* Effect.die(
        new Error("A larger budget is waited for in the body of a workflow, not in a step or outside a run")
      )
    }
    const said = detail ?? `spent ${Spent.textOf(place.run.acts.spending().total, limit)}`
    const raised = place.run.waits.budget(limit, { detail: said, until, day })
    if (until === undefined) yield* raised
    else yield* Effect.raceFirst(raised, Effect.sleep(Math.max(0, until - (yield* Clock.currentTimeMillis))))
    return place.run.acts.budget()
  })

/**
 * What a child run may spend, provided around the call that starts it. The child
 * has it from its first entry on, and it counts as spent by this run should the
 * end of the child not be told. Dies for what is no amount.
 */
export const Granted: Context.Reference<Amount | undefined> = GrantedAmount

/**
 * Whether the run that this is the body of has been told to stop, so that what
 * is interrupted now is interrupted for good.
 */
export const isStopping: Effect.Effect<boolean> = Effect.map(CurrentRun, (place) => place?.run.stopping === true)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What was decided, as it is stored and read back. What is thrown is a defect. */
const made = (
  what: string,
  codec: OutcomeCodec,
  decide: () => unknown,
  by: Giver
): Exit.Exit<Handover.Handed> => {
  let value: unknown
  try {
    value = decide()
  } catch (defect) {
    return Exit.die(defect)
  }
  const handed = Handover.through(what, "value", codec, value, by)
  return Result.isSuccess(handed) ? Exit.succeed(handed.success) : Exit.die(handed.failure)
}
