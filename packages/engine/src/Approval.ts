/**
 * Approvals: recorded questions to people, with their answers.
 */
import type { StandingOffer } from "@fermata/core/StandingRule"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { Engine } from "./Engine.ts"
import * as Handover from "./internal/Handover.ts"
import { outcomeCodec } from "./internal/JsonCodec.ts"
import * as Questions from "./internal/Questions.ts"
import { CurrentRun, type Place } from "./internal/run/RunPort.ts"

/** The answer was no, or none came before the deadline. */
export class Denied extends Schema.TaggedError<Denied>()("ApprovalDenied", {
  approval: Schema.String,
  by: Schema.String,
  note: Schema.optionalKey(Schema.String),
  timedOut: Schema.Boolean
}) {
  override get message(): string {
    return this.timedOut
      ? `Nobody answered approval "${this.approval}" before its deadline`
      : `Approval "${this.approval}" was denied by ${this.by}${this.note === undefined ? "" : `: ${this.note}`}`
  }
}

/** The answer was yes. */
export interface Granted<Args> {
  /** Who said yes; several when the quorum is above 1. */
  readonly by: ReadonlyArray<string>
  readonly choice: string | undefined
  readonly note: string | undefined
  /** The arguments that were asked about, as edited by the approver if they were. */
  readonly args: Args
}

/** What is asked, of whom, and until when. */
export interface Options<Args extends Schema.Top> {
  readonly prompt: string
  /** Names or roles of those who may answer; at least one. Enforced when an answer is recorded. */
  readonly approvers: ReadonlyArray<string>
  /** What there is to choose with a yes; then each yes chooses, and only those for the same add up. */
  readonly choices?: ReadonlyArray<string>
  /** How many different people must say yes, to the same arguments and with the same choice. One no is enough to deny. Default 1. */
  readonly quorum?: number
  /**
   * What the approvers decide on, shown to them. A yes counts for exactly these
   * arguments; where they are `editable`, a yes with others is a new proposal,
   * which takes a quorum of its own. It is looked at by the JSON Schema before
   * it is taken; one that only the code refuses opens the question again.
   */
  readonly args?: {
    readonly schema: Args
    readonly value: Args["Type"]
    readonly editable?: boolean
    /** Why these edited arguments are not taken: the question opens again with that. Asked once, as the edit comes, and not on a replay. */
    readonly problemOf?: (edited: Args["Type"]) => string | undefined
  }
  /**
   * Rules of which a yes may let one stand, and whose they are (`StandingRules`):
   * what they mean is for the caller to say. Only with a quorum of 1.
   */
  readonly standing?: StandingOffer
  /** How long the question stands, from now. For ever by default. */
  readonly deadline?: Duration.Input
  /**
   * Who may not answer, also with another role: `requester` is the person who
   * started the run (or the run whose child it is), or published the event that
   * did, and any other text a name or a role. Nobody by default.
   */
  readonly notBy?: string | ReadonlyArray<string>
  /**
   * Who else may answer when nobody has decided for so long, from now: stages in
   * the order of their times, each before the deadline. Those who were asked may
   * answer still.
   */
  readonly escalate?: ReadonlyArray<{ readonly after: Duration.Input; readonly to: ReadonlyArray<string> }>
  /**
   * Reminds those who have yet to answer, by the event `engine.approval.reminder`:
   * `every` so long while the question is open, and `most` times (from 1 to 1,000).
   */
  readonly remind?: { readonly every: Duration.Input; readonly most: number }
  /** What the end of the deadline means. Default `deny`; `fail` is a defect. */
  readonly onTimeout?: "deny" | "approve" | "fail"
}

/**
 * Asks, in the body of a workflow, and waits for the answer. Fails with
 * `Denied` on a no and, unless `onTimeout` says otherwise, on the deadline.
 */
export const ask = <Args extends Schema.Top = Schema.Undefined>(
  name: string,
  options: Options<Args>
): Effect.Effect<Granted<Args["Type"]>, Denied, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    yield* Engine
    const place = yield* CurrentRun
    if (place === undefined || place.step !== undefined) return yield* misplaced(name)
    const quorum = options.quorum ?? 1
    if (options.approvers.length === 0) return yield* Effect.die(new Error(`Approval "${name}" names no approvers`))
    if (!Number.isInteger(quorum) || quorum < 1) {
      return yield* Effect.die(
        new Error(`Approval "${name}" has a quorum of ${quorum}; it must be a whole number from 1`)
      )
    }
    if (options.standing !== undefined && quorum !== 1) {
      return yield* Effect.die(new Error(`Approval "${name}" offers rules, which nobody lets stand with a quorum`))
    }
    const deadlineMs = options.deadline === undefined ? undefined : Duration.toMillis(options.deadline)
    const escalate = options.escalate?.map(({ after, to }) => ({ afterMs: Duration.toMillis(after), to }))
    const remind = options.remind === undefined
      ? undefined
      : { everyMs: Duration.toMillis(options.remind.every), most: options.remind.most }
    const problem = problemOf({ deadlineMs, escalate, remind })
    if (problem !== undefined) return yield* Effect.die(new Error(`Approval "${name}" ${problem}`))
    const args = options.args
    const codec = args === undefined ? undefined : outcomeCodec(args.schema)
    const shown = codec === undefined ? undefined : yield* shownOf(name, codec, args!.value, place)
    const result = yield* place.run.questions.ask({
      name,
      key: undefined,
      prompt: options.prompt,
      approvers: options.approvers,
      choices: options.choices ?? [],
      quorum,
      editable: args?.editable === true,
      args: shown?.read(),
      hash: yield* Questions.hashOf(shown?.read(), (digest) => place.run.awaitDigest(digest)),
      schema: args === undefined ? undefined : () => Questions.schemaDocument(args.schema),
      notBy: options.notBy === undefined ? [] : typeof options.notBy === "string" ? [options.notBy] : options.notBy,
      escalate,
      remind,
      standing: options.standing,
      deadlineMs,
      onTimeout: options.onTimeout ?? "deny",
      problemOf: (edit) => {
        if (codec === undefined) return "there are no arguments to edit"
        const decoded = codec.decode(edit)
        return Exit.isSuccess(decoded)
          ? args?.problemOf?.(decoded.value)
          : Cause.pretty(decoded.cause).split("\n")[0]!
      }
    })
    switch (result._tag) {
      case "Approved": {
        // What was shown is what was approved, whatever has become of the value meanwhile.
        const edit = codec === undefined
          ? Exit.succeed(args?.value)
          : codec.decode(result.edit === undefined ? shown?.read() : StoredJson.copy(result.edit))
        if (Exit.isFailure(edit)) {
          yield* place.run.steps.unreadable(
            name,
            Cause.pretty(edit.cause).split("\n")[0]!,
            `edit of approval "${name}"`
          )
        }
        const value = yield* Effect.orDie(edit)
        return { by: result.by, choice: result.choice, note: result.note, args: value }
      }
      case "Denied":
        return yield* new Denied({
          approval: name,
          by: result.by,
          timedOut: result.timedOut,
          ...(result.note === undefined ? {} : { note: result.note })
        })
      case "TimedOut":
        return yield* Effect.die(new Error(`Nobody answered approval "${name}" before its deadline`))
    }
  })

/** A question whose arguments are JSON already, and for whoever goes on alone from an end without an answer. */
export interface JsonQuestion {
  readonly prompt: string
  readonly approvers: ReadonlyArray<string>
  readonly choices: ReadonlyArray<string>
  readonly quorum: number
  /** How many may answer: a no denies only when the quorum is out of reach. Without it one no denies. */
  readonly of?: number | undefined
  readonly editable: boolean
  /** What the approvers decide on. */
  readonly args?: Schema.Json | undefined
  /** What an edit is looked at by before it is taken: a JSON Schema with its dialect and its definitions, as `Schema.toJsonSchemaDocument` makes one. */
  readonly schema?: Schema.Json | undefined
  /** Names and roles of who may not answer; `requester` is who started the run. */
  readonly notBy?: ReadonlyArray<string> | undefined
  /** Who else may answer after so many ms. */
  readonly escalate?: ReadonlyArray<{ readonly afterMs: number; readonly to: ReadonlyArray<string> }> | undefined
  readonly remind?: { readonly everyMs: number; readonly most: number } | undefined
  /** How long the question stands (ms), from now; for ever when absent. */
  readonly deadlineMs?: number | undefined
  readonly onTimeout: "deny" | "approve" | "fail"
}

/** What came of a question. `TimedOut` only with `onTimeout: "fail"`. */
export type Outcome =
  | {
    readonly _tag: "Approved"
    readonly by: ReadonlyArray<string>
    readonly choice: string | undefined
    readonly note: string | undefined
    /** The arguments as the approvers edited them, if they did. */
    readonly edit: unknown
  }
  | { readonly _tag: "Denied"; readonly by: string; readonly note: string | undefined; readonly timedOut: boolean }
  | { readonly _tag: "TimedOut" }

/** As `ask`, with a question of JSON. No end of it is a failure. */
export const askJson = (
  name: string,
  { args, deadlineMs, escalate, notBy = [], of, remind, schema, ...question }: JsonQuestion
): Effect.Effect<Outcome, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    yield* Engine
    const place = yield* CurrentRun
    if (place === undefined || place.step !== undefined) return yield* misplaced(name)
    const problem = problemOf({ deadlineMs, escalate, remind })
    if (problem !== undefined) return yield* Effect.die(new Error(`Approval "${name}" ${problem}`))
    return yield* place.run.questions.ask({
      ...question,
      name,
      key: undefined,
      notBy,
      escalate,
      remind,
      of,
      args,
      deadlineMs,
      hash: yield* Questions.hashOf(args, (digest) => place.run.awaitDigest(digest)),
      schema: schema === undefined ? undefined : () => schema,
      problemOf: () => undefined
    })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const misplaced = (name: string): Effect.Effect<never> =>
  Effect.die(new Error(`Approval "${name}" is asked in the body of a workflow, not in a step or outside a run`))

/** The most times that people are reminded of one question. */
export const mostReminders = 1_000

/** What is wrong with the times of a question, as the end of a sentence about it; undefined where nothing is. */
export const problemOf = (
  { deadlineMs = Infinity, escalate = [], remind }: Pick<JsonQuestion, "deadlineMs" | "escalate" | "remind">
): string | undefined => {
  for (const [index, { afterMs, to }] of escalate.entries()) {
    const before = index === 0 ? 0 : escalate[index - 1]!.afterMs
    if (to.length === 0) return `escalates to nobody at stage ${index + 1}`
    if (!(afterMs > before)) return `escalates at stage ${index + 1} after ${afterMs} ms; stages come one after another`
    if (afterMs >= deadlineMs) {
      return `escalates at stage ${index + 1} after ${afterMs} ms, and its deadline comes first`
    }
  }
  if (remind === undefined) return undefined
  if (!(remind.everyMs >= 1 && Number.isFinite(remind.everyMs))) return `reminds every ${remind.everyMs} ms; at least 1`
  return Number.isInteger(remind.most) && remind.most >= 1 && remind.most <= mostReminders
    ? undefined
    : `reminds ${remind.most} times; it must be a whole number from 1 to ${mostReminders}`
}

/** The arguments as they are shown and recorded. */
const shownOf = (
  name: string,
  codec: Handover.Codec,
  value: unknown,
  { run }: Place
): Effect.Effect<StoredJson.StoredJson | undefined> =>
  Effect.suspend(() => {
    const handed = Handover.through(
      `arguments of approval "${name}"`,
      "input",
      codec,
      value,
      Handover.giver(run.row)
    )
    return Effect.orDie(Effect.map(Effect.fromResult(handed), ({ stored }) => stored))
  })
