/**
 * Steps: the units of a run that are recorded and not repeated.
 *
 * A step has a key in its run, schemas for what goes in and comes out, and a
 * rule for crashes, which has no default: before its outcome is recorded, only
 * its author knows whether doing it again is harmless.
 *
 * | `onCrash` | after a crash in the middle |
 * |---|---|
 * | `rerun` | the body runs again |
 * | `rerun-keyed` | the body runs again, with the same idempotency key |
 * | `commit-together` | the body has not happened, and runs: it is SQL that commits with its record |
 * | `probe` | the step's probe says whether it happened; the body runs if it did not |
 * | `ask` | an operator decides |
 */
import type { Artifact } from "@fermata/core/Artifact"
import type { CrashRule } from "@fermata/core/CrashRule"
import type { DayRefusal } from "@fermata/core/DayRefusal"
import * as DurableTime from "@fermata/core/DurableTime"
import * as ExitJson from "@fermata/core/ExitJson"
import type { ArtifactDamaged } from "@fermata/core/RunsErrors"
import type * as Spent from "@fermata/core/Spent"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { formatJson } from "effect/Formatter"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { StorageFailed } from "./Backend.ts"
import type { Engine } from "./Engine.ts"
import * as Handover from "./internal/Handover.ts"
import { outcomeCodec } from "./internal/JsonCodec.ts"
import {
  Chosen as IsChosen,
  DayLimit as DayLimitAmount,
  InPlaceOf as InPlaceOfKey,
  Reserved as ReservedAmount
} from "./internal/Reserved.ts"
import { ArtifactRefused } from "./internal/run/ArtifactRefused.ts"
import * as Kept from "./internal/run/Kept.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"
import { sampleOf } from "./internal/SignalDeclaration.ts"
import { StepCall, type StepCode } from "./internal/StepCall.ts"
import * as StepCodecs from "./internal/StepCodecs.ts"
import { StepLetGo } from "./internal/StepLimit.ts"
import * as StepRetry from "./internal/StepRetry.ts"

export { ArtifactRefused }

/**
 * An attempt took longer than the step's `timeout` (ms), and ended when it was
 * told to. A defect, unless the retry policy takes it.
 */
export class StepTimedOut extends Schema.TaggedError<StepTimedOut>()("StepTimedOut", {
  step: Schema.String,
  timeoutMs: Schema.Int
}) {
  override get message(): string {
    return `Step "${this.step}" took longer than its timeout of ${this.timeoutMs} ms`
  }
}

/**
 * The body of a `commit-together` step waited for something: a promise, a
 * sleep, another step, a connection that is not the host's. Nothing of it has
 * happened. A defect.
 */
export class NotSynchronous extends Schema.TaggedError<NotSynchronous>()("NotSynchronous", { step: Schema.String }) {
  override get message(): string {
    return `The body of step "${this.step}" waits for something, and with onCrash "commit-together" it cannot: it runs inside the `
      + `transaction that records it. Leave in it only SQL by the host's SqlClient, and give the rest a step of its own`
  }
}

/** A `commit-together` step was called on a host whose store cannot commit it with its record. A defect. */
export class CannotCommitTogether
  extends Schema.TaggedError<CannotCommitTogether>()("CannotCommitTogether", { step: Schema.String })
{
  override get message(): string {
    return `Step "${this.step}" has onCrash "commit-together", and the store of this host cannot take it into its transactions: `
      + `run it on a host that can, or choose another rule`
  }
}

/** What the body of a step, and its probe, are told. */
export interface StepContext {
  /** The step's key in its run. */
  readonly key: string
  /** 1 for the first attempt. */
  readonly attempt: number
  /** The same for every attempt and every rerun of this step, and for those that stand `InPlaceOf` it; made of the run's id and the key, in URL-safe characters. */
  readonly idempotencyKey: string
  /**
   * The place in the journal (`seq`) of the `StepRequested` entry that this try carries out. Every try has its
   * own, also where the attempt is the same one again after a crash: it names what a try streams (`Chunks`).
   */
  readonly entry: number
  /**
   * How often this attempt was cut short before: its process died, or its body was let go at its timeout. 0 at
   * first, and 0 again for the next attempt. An orderly stop of the process does not count.
   */
  readonly recovery: number
  /**
   * Says that this attempt has spent this much, once that is known; what is said
   * several times is added up. It is recorded with the end of the attempt, also
   * with a failure, and costs no entry. Dies for what is no amount, in a probe, and
   * when the attempt has ended.
   */
  readonly spend: (amount: Spent.Amount) => Effect.Effect<void>
  /**
   * Keeps a text or bytes beside the outcome, and gives back the reference at
   * once. The bytes are stored with the outcome, in its commit: when the step
   * succeeds, when its probe finds it done, and when it fails and no attempt
   * follows by itself. Of any other attempt nothing is kept. Equal bytes are
   * stored once; `Runs.artifact` gives them back, also to later steps.
   *
   * A text is stored as UTF-8. What the attempt was told of secrets until then is
   * cut out of texts, names, and bytes that are UTF-8; other bytes are stored as
   * they are, whatever is in them.
   *
   * Fails with `ArtifactRefused` for more than `artifactLimits`. Dies for what is
   * no name or media type, and when the attempt has ended.
   */
  readonly keep: (
    content: Uint8Array | string,
    options?: KeepOptions
  ) => Effect.Effect<Artifact, ArtifactRefused>
  /**
   * The bytes of an artifact that an earlier step of this run, or of one that it
   * works with, has kept. `ArtifactDamaged` says that the store does not have them
   * as they were, such as those of an attempt that is still on its way.
   */
  readonly kept: (artifact: Artifact) => Effect.Effect<Uint8Array, ArtifactDamaged | StorageFailed>
  /**
   * There where this try was asked for under a `DayLimit` for which it is too much: the day had no room for what the
   * try was to reserve, by how it stood when the request was recorded. A body that finds it ends, with a failure as a
   * rule, and has spent nothing.
   */
  readonly refused: DayRefusal | undefined
}

/** What is said of an artifact beside its content. */
export type KeepOptions = Kept.KeepOptions

/** The most that a step keeps: `bytes` of one artifact (16 MiB), `bytesOfStep` of all of them (64 MiB, equal ones once), and `count` (100). */
export const artifactLimits = Kept.limits

/**
 * The most that the attempts of a step may spend, provided around its call by
 * whoever knows: `Effect.provideService(ask(question), Step.Reserved, { micros: 40_000 })`.
 * It is recorded with the request, and counts as spent where no outcome says
 * otherwise: after a crash, a lost race, a timeout whose body did not end. A
 * replay does not compare it, so prices may change while runs are on their way.
 * Steps that the body of the step asks for do not inherit it.
 */
export const Reserved: Context.Reference<Spent.Amount | undefined> = ReservedAmount

/**
 * What all runs of the workflow together may spend on a UTC day, in every process
 * that shares the store, provided around the call of a step beside what is
 * `Reserved` for it. Operators raise it for a day (`Runs.raiseDay`).
 *
 * The commit that records a request reserves the amount on that day if all that
 * was spent and reserved there stays within the limit with it, and else records
 * that the day has no room: its body is told so (`StepContext.refused`) and ends.
 * So runs never share what is left of a day, and its books never go over the
 * limit, as long as no try spends more than it has reserved. Of requests of one
 * commit the first have what is left. A try that follows a failure or a crash is
 * held to the limit again. Dies for what is no amount.
 */
export const DayLimit: Context.Reference<Spent.Amount | undefined> = DayLimitAmount

/**
 * The key of an earlier step of the run, provided around the call of a
 * `rerun-keyed` step that is asked for in its place: that one may have begun what
 * this one is to do, as a call in flight that the day had no room for after a
 * crash. The step acts under the idempotency key of the earlier one.
 */
export const InPlaceOf: Context.Reference<string | undefined> = InPlaceOfKey

/**
 * Provided as `true` around the call of a step that a model has chosen. Where
 * the model is asked again it may choose another, so once a store was put back
 * from a backup the key of such a step says nothing about what was done: a
 * `rerun-keyed` step waits for an operator then, as one with `ask` does.
 */
export const Chosen: Context.Reference<boolean> = IsChosen

type Fields = Schema.Struct.Fields
type InputSchema<I> = I extends Schema.Top ? I : I extends Fields ? Schema.Struct<I> : never
type InputType<I> = [I] extends [undefined] ? void : InputSchema<I>["Type"]

/** What a step is: its schemas, its rule for crashes, its attempts and its body. */
export type Options<
  I extends Schema.Top | Fields | undefined,
  A extends Schema.Top,
  E extends Schema.Top,
  R,
  P = never
> = Definition<I, A, E, R> & OnCrash<I, A, P>

/** What happens to the body after a crash, with what else the rule needs or allows. */
export type OnCrash<I extends Schema.Top | Fields | undefined, A extends Schema.Top, P> =
  | {
    readonly onCrash: "rerun" | "rerun-keyed" | "ask"
    /**
     * Longest time for one attempt, at most until the year 9999; none when it
     * is infinite. A body that is interrupted then and ends has failed with
     * `StepTimedOut`. One that cannot be interrupted is let go a moment later,
     * and since it may still act, `onCrash` says what comes next.
     */
    readonly timeout?: Duration.Input
    readonly probe?: undefined
  }
  | {
    readonly onCrash: "probe"
    /**
     * Says whether an attempt that was cut short has been done: its output, or
     * none if it has not and may run. It is asked whenever the body may have
     * acted without a record: after a crash, and after an orderly stop or an
     * eviction that cut it short. If it fails, or dies, the run suspends as
     * `outcome-unknown`; an operator's retry asks it again.
     */
    readonly probe: (input: InputType<I>, context: StepContext) => Effect.Effect<Option.Option<A["Type"]>, unknown, P>
    /** Longest time for one attempt, and for one question to the probe. */
    readonly timeout?: Duration.Input
  }
  | {
    /**
     * The body is SQL only, by the host's `SqlClient`, and runs inside the
     * transaction that records its success: both happen, or neither. A failure
     * undoes what it did and is recorded afterwards. It cannot wait for anything,
     * so there is no timeout, and no other step in it.
     */
    readonly onCrash: "commit-together"
    readonly timeout?: undefined
    readonly probe?: undefined
  }

/** A step without its rule for crashes. */
export interface Definition<
  I extends Schema.Top | Fields | undefined,
  A extends Schema.Top,
  E extends Schema.Top,
  R
> {
  /** What goes in: fields or a schema. Recorded with the request, and compared on replay. */
  readonly input?: I
  /** What comes out; nothing by default. */
  readonly success?: A
  /** Typed failures; none by default. */
  readonly error?: E
  /** Names the step `name/<key>` in its run, so that asking again with equal input joins the first. */
  readonly key?: (input: InputType<I>) => string
  /**
   * Whether and when a failed attempt is followed by another. Waits between
   * attempts are durable; an infinite one suspends the run for good. An attempt
   * that did not end at its timeout has not failed: see `onCrash`.
   */
  readonly retry?: Schedule.Schedule<unknown, E["Type"] | StepTimedOut>
  /** A word for people and for filters, such as `llm`. */
  readonly label?: string
  /**
   * What it does, for people who look at the run, such as `Read src/a.ts`: they see it in place of the key. One
   * line, of which 120 characters are recorded with the request. Replay does not compare it, and one that throws
   * leaves the step without.
   */
  readonly title?: (input: InputType<I>) => string
  /**
   * Its body is interrupted as soon as the run is cancelled. Else the body of an
   * `ask` step is given 30 s to come to an outcome first. For what can be ended
   * in the middle, such as a command.
   */
  readonly stopsAtOnce?: boolean
  /** The body. It runs outside the order of the workflow and may do anything. */
  readonly run: (input: InputType<I>, context: StepContext) => Effect.Effect<A["Type"], E["Type"], R>
}

/** A step, to be called in the body of a workflow. */
export interface Step<I extends Schema.Top | Fields | undefined, A extends Schema.Top, E extends Schema.Top, R> {
  (
    input: InputType<I>
  ): Effect.Effect<A["Type"], E["Type"], Engine | WorkflowInstance | Exclude<R, Scope | WorkflowInstance>>
  readonly stepName: string
  readonly onCrash: CrashRule
}

/**
 * Defines a step.
 *
 * @example
 * ```ts
 * const charge = Step.make("charge", {
 *   input: { orderId: Schema.String, cents: Schema.Int },
 *   success: Schema.String,
 *   onCrash: "rerun-keyed",
 *   run: (order, { idempotencyKey }) => pay(order, idempotencyKey)
 * })
 * ```
 */
export const make = <
  I extends Schema.Top | Fields | undefined = undefined,
  A extends Schema.Top = Schema.Void,
  E extends Schema.Top = Schema.Never,
  R = never,
  P = never
>(name: string, options: Options<I, A, E, R, P>): Step<I, A, E, R | P> => {
  type Input = InputType<I>
  const codecs = StepCodecs.make<A, E>(options.success ?? Schema.Void, options.error ?? Schema.Never)
  const inputCodec = options.input === undefined ? undefined : outcomeCodec(
    Schema.isSchema(options.input) ? options.input : Schema.Struct(options.input as Fields)
  )
  const timeout = timeoutOf(name, options.timeout)

  const attempt = (call: StepCall, context: StepContext): Effect.Effect<unknown, unknown, R> =>
    Effect.matchEffect(Effect.suspend(() => withInput(call.own(), (input) => options.run(input as Input, context))), {
      onSuccess: (value) =>
        call.keep(Handover.through(`outcome of step "${context.key}"`, "outcome", codecs.success, value, call.by)),
      onFailure: (error) => {
        const handed = Handover.through(`error of step "${context.key}"`, "outcome", codecs.error, error, call.by)
        return Result.isFailure(handed)
          ? Effect.die(handed.failure)
          : Effect.failCause(ExitJson.failure(handed.success.stored?.read(), error))
      }
    })

  const { probe } = options
  const question = probe === undefined ? undefined : (
    call: StepCall,
    context: StepContext
  ): Effect.Effect<Option.Option<unknown>, unknown, P> =>
    Effect.flatMap(
      Effect.catch(Effect.suspend(() => withInput(call.own(), (input) => probe(input as Input, context))), dieTelling),
      (found) =>
        Option.isNone(found)
          ? Effect.succeedNone
          : Effect.asSome(
            call.keep(
              Handover.through(
                `answer of the probe of step "${context.key}"`,
                "outcome",
                codecs.success,
                found.value,
                call.by
              )
            )
          )
    )

  const timedOut = () => new StepTimedOut({ step: name, timeoutMs: timeout ?? Infinity })
  const limit = timeout === undefined ? undefined : { millis: timeout, error: timedOut }
  const policy = options.retry === undefined
    ? undefined
    : StepRetry.policy(options.retry, codecs.error.decode, timedOut)

  const problemIn = (decode: Handover.Codec["decode"]) => (json: unknown) => {
    const decoded = decode(json)
    if (Exit.isSuccess(decoded)) return undefined
    const problem = Cause.squash(decoded.cause)
    return (problem instanceof Error ? problem.message : String(problem)).replaceAll(/\s+/g, " ")
  }

  const sample = () => sampleOf(options.success ?? Schema.Void)
  const notSynchronous = () => new NotSynchronous({ step: name })
  const code: StepCode = {
    onCrash: options.onCrash,
    label: options.label,
    title: options.title as StepCode["title"],
    stopsAtOnce: options.stopsAtOnce === true,
    retry: policy,
    problemOf: problemIn(codecs.success.decode),
    errorProblemOf: problemIn(codecs.error.decode),
    sample,
    limit,
    notSynchronous,
    attempt: attempt as StepCode["attempt"],
    question: question as StepCode["question"]
  }

  const call = (input: Input) =>
    Effect.contextWith((asker: Context.Context<never>) => {
      const place = Context.get(asker, CurrentRun)
      if (place === undefined) {
        return Effect.die(new Error(`Step "${name}" was called outside a run: call it in the body of a workflow`))
      }
      if (place.letGo === true) return Effect.die(new StepLetGo(`Step "${name}"`, place.step))
      if (options.onCrash === "commit-together" && !place.run.canCommitTogether) {
        return Effect.die(new CannotCommitTogether({ step: name }))
      }
      const by = place.run.giver
      const scrub = place.confidant?.scrub
      const given = inputCodec === undefined ? undefined : new Handover.Input(name, inputCodec, input, by, scrub)
      const unfit = given?.refused
      if (unfit !== undefined) return Effect.die(unfit)
      const named = place.within === undefined ? name : place.within + name
      const chosen = options.key?.(input)
      const key = chosen === undefined ? undefined : `${named}/${scrub === undefined ? chosen : scrub.text(chosen)}`
      if (given !== undefined && (place.inside !== undefined || !place.run.steps.isRecorded(named, key, given))) {
        if (Result.isFailure(given.handed)) return Effect.die(given.handed.failure)
      }
      const made = new StepCall(code, named, key, given, place.step !== undefined, place.inside, asker, by)
      return Effect.flatMap(place.run.steps.ask(made), (outcome) => {
        const { lived } = made
        if (
          lived !== undefined && outcome._tag === "Done" && outcome.exit._tag === "Success" &&
          outcome.exit.value === lived.stored
        ) {
          return Effect.succeed(lived.value as A["Type"])
        }
        const exit = Handover.plainExit(
          outcome._tag === "Done" ? outcome.exit : { _tag: "Failure", cause: outcome.cause }
        )
        if (outcome._tag === "Done" && exit._tag === "Failure") {
          if (StepRetry.diedOf(exit.cause, "StepTimedOut")) return Effect.die(timedOut())
          if (options.onCrash === "commit-together" && StepRetry.diedOf(exit.cause, "NotSynchronous")) {
            return Effect.die(new NotSynchronous({ step: name }))
          }
        }
        return codecs.decode(exit, (problem) => place.run.steps.unreadable(outcome.key, problem))
      })
    }) as Effect.Effect<A["Type"], E["Type"], Engine | WorkflowInstance | Exclude<R | P, Scope | WorkflowInstance>>

  return Object.assign(call, { stepName: name, onCrash: options.onCrash })
}

/**
 * Puts the steps that a part of a workflow asks for under names that begin with
 * `prefix`, such as `each[3]/`, so that each of several such parts has keys of its
 * own, whichever is faster. A prefix inside another takes its place.
 */
export const within = <A, E, R>(part: Effect.Effect<A, E, R>, prefix: string): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    CurrentRun,
    (place) => place === undefined ? part : Effect.provideService(part, CurrentRun, { ...place, within: prefix })
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const withInput = <A, E, R>(
  input: Exit.Exit<unknown, unknown>,
  use: (input: unknown) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Exit.isSuccess(input)
    ? use(input.value)
    : Effect.die(new Error(`its schema refuses the input: ${String(input.cause)}`))

/** Whole ms; undefined for none, which an infinite one is. */
const timeoutOf = (name: string, timeout: Duration.Input | undefined): number | undefined => {
  const millis = Math.ceil(Duration.toMillis(timeout ?? Infinity))
  if (DurableTime.isTooLate(millis)) throw new DurableTime.TimeTooLate(`The timeout of step "${name}"`, millis)
  return millis === Infinity ? undefined : Math.max(0, millis)
}

/** The failures of a probe have no schema, so they become defects: one that has no message is told by its fields. */
const dieTelling = (error: unknown): Effect.Effect<never> =>
  Effect.die(
    error instanceof Error && error.message === ""
      ? Object.assign(new Error(formatJson({ ...error, name: undefined, _tag: undefined })), { name: error.name })
      : error
  )
