/**
 * The schemas of which contract documents are made: texts, times, lists,
 * templates, and what steps of several kinds have in common.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A text that matches; `expected` says in words what does. */
export const matching = (pattern: RegExp, expected: string) =>
  Schema.String.check(Schema.isPattern(pattern, { expected }))

/** A whole number within bounds, both included. */
export const integer = (minimum: number, maximum: number, what: string) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { expected: `${what} from ${minimum} to ${maximum}` })
  )

/** A list with a length within bounds, both included. */
export const list = <S extends Schema.Constraint>(item: S, minimum: number, maximum: number, what: string) =>
  Schema.Array(item).check(
    Schema.isBetweenLength(minimum, maximum, { expected: `from ${minimum} to ${maximum} ${what}` })
  )

/** A field that may be left out, and has this value then. */
export const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Encoded"]) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema)

/** A text that is not empty. */
export const Text = Schema.String.check(Schema.isMinLength(1, { expected: "a text that is not empty" }))

/** Ten years, in ms: the longest time that any field may state. */
export const maxMs = 10 * 365 * 24 * 60 * 60 * 1000
/** A time in ms of at least one. */
export const Millis = integer(1, maxMs, "a whole number of milliseconds")

/** The id of a step, unique in its contract. */
export const StepId = matching(
  /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/,
  "a step id: a letter or _, then up to 63 letters, digits, _ or -"
)
/** What follows a step: the id of another, or `null` for the end of the run. */
export const Next = Schema.NullOr(StepId).annotate({ expected: "the id of a step, or null to end the run" })
export type Next = typeof Next.Type

/** A JSONata expression, with or without `{{ }}` around it. */
export const Expression = Text.annotate({ description: "a JSONata expression" })

/** A JSON value whose strings are templates. */
export const Template = Schema.Json.annotate({ expected: "a JSON value" })

/** A name in the state of a run. */
export const StateName = matching(
  /^[A-Za-z][A-Za-z0-9_]{0,63}$/,
  "a name: a letter, then up to 63 letters, digits or _"
)

/**
 * How a failed attempt is repeated: `maxAttempts` in all, the first pause
 * `initialMs`, each next one `factor` times longer up to `maxMs`, each varied
 * a little when `jitter` is set.
 */
export const Retry = Schema.Struct({
  maxAttempts: integer(1, 100, "a whole number of attempts"),
  initialMs: withDefault(integer(0, maxMs, "a whole number of milliseconds"), 1000),
  factor: withDefault(
    Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 100 }, { expected: "a number from 1 to 100" })),
    2
  ),
  maxMs: withDefault(Millis, 60_000),
  jitter: Schema.optionalKey(Schema.Boolean)
})
export type Retry = typeof Retry.Type

/** Where a run goes when a step has failed for good. */
export const OnError = Schema.Union([StepId, Schema.Struct({ next: Next })]).annotate({
  expected: "the id of a step, or { \"next\": the id of a step or null }"
})
export type OnError = typeof OnError.Type

/** What a failure inside a step means for the step: it fails too, and what goes on beside is interrupted; or the failure is one of its results. */
export const OnFailure = Schema.Literals(["fail", "collect"])

/** The names that expressions of every step see. */
export const scopeNames = ["trigger", "input", "steps", "state", "run"] as const

/** Fields of every step. */
export const commonFields = {
  id: StepId,
  name: Text,
  description: Schema.optionalKey(Schema.String),
  onError: Schema.optionalKey(OnError)
}

/** A step of any kind, with its defaults filled in. */
export interface AnyStep {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly description?: string
  readonly onError?: OnError
  readonly undo?: Body
}

/** A step of any kind as people write it. */
export interface StepDocument {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly [field: string]: unknown
}

/** Fields of a step: each is read and written without any service. */
export type Fields = {
  readonly [name: string]: Schema.Constraint & { readonly DecodingServices: never; readonly EncodingServices: never }
}

/** The schema of a list of steps of all kinds that a contract may use. */
export type Steps = Schema.Codec<ReadonlyArray<AnyStep>, ReadonlyArray<StepDocument>>

/** The fields of what holds steps of its own: a graph that begins at one of them and ends where one has nothing that follows. */
export const bodyFields = (steps: Steps) => ({
  entryStepId: Schema.optionalKey(StepId),
  steps,
  output: Schema.optionalKey(Template)
})

/** Fields of every step, with what undoes it. */
export const commonFieldsOf = (steps: Steps) => ({
  ...commonFields,
  undo: Schema.optionalKey(Schema.Struct(bodyFields(steps)))
})
/** The fields of every step. */
export type CommonFields = ReturnType<typeof commonFieldsOf>

/** A graph of steps inside a step. */
export interface Body {
  readonly entryStepId?: string
  readonly steps: ReadonlyArray<AnyStep>
  readonly output?: Schema.Json
}

/** Fields of the steps that do work outside the run. */
export const attempts = {
  retry: Schema.optionalKey(Retry),
  /** Longest time of one attempt. */
  timeoutMs: Schema.optionalKey(Millis)
}

/** What the shared fields mean, for people. */
export const words = {
  common: {
    id: "Unique in the contract: a letter or `_`, then up to 63 letters, digits, `_` or `-`.",
    name: "What people see.",
    description: "More about it, for people.",
    onError: "Where the run goes when the step has failed for good; without it the run fails."
  },
  attempts: {
    retry: "How a failed attempt is repeated.",
    timeoutMs:
      "Longest time of one attempt in ms. One that does not stop then is let go, and what comes next is as after a crash."
  },
  undo:
    "Steps that undo what this one has done, when the run fails or is cancelled after it: `steps`, `entryStepId`. They run once, after what undoes later steps, and see its output.",
  body: {
    entryStepId: "The step at which it begins; the first when absent.",
    steps:
      "Its steps, in any order: they go on by `next`, and it ends where that is `null`. Their ids are unique in the whole contract.",
    output: "What it comes to; sees what its steps see. The output of its last step when absent."
  },
  onFailure: (part: string) =>
    `\`"fail"\`: when ${part} fails, the step fails and the others are interrupted. \`"collect"\`: all are waited for, and each result is \`{ output }\` or \`{ error }\`. Default \`"fail"\`.`,
  next: "The step that follows, or `null`, which completes the run with the output of this one."
} as const
