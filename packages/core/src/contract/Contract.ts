/**
 * A contract: a workflow as a JSON document of triggers, permissions, limits
 * and a graph of steps.
 *
 * Text fields are templates: `{{ expression }}` inside a string is replaced by
 * the value of the JSONata expression, and a string that is one `{{ }}` alone
 * becomes the value itself, whatever its type. `when`, `where` and `key` are
 * expressions, with or without the braces. In scope are
 *
 * - `trigger`: the payload of the event that started the run (what `input` is,
 *   when the run was started by hand)
 * - `input`: what the run was given
 * - `steps.<id>.output`: what a step returned (ids with a `-` need backticks)
 * - `state`: the document that `transform` steps write
 * - `run`: `id`, `workflow` and `version` of the run
 * - `event`: in the `where` of a `wait` step, the payload of the candidate
 *
 * A path that leads nowhere is `null` as a whole value and empty inside text.
 *
 * Every step goes on by `next`, the id of a step or `null`, which completes
 * the run with the output of the last step. A failed step fails the run unless
 * it has `onError`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DocumentCrashRule } from "../CrashRule.ts"
import * as EventName from "../EventName.ts"
import * as Policy from "../Policy.ts"
import * as StoredJson from "../StoredJson.ts"
import { JsonShape } from "./JsonShape.ts"

/** The only schema version that this build reads. */
export const schemaVersion = "fermata.contract.v1"

/** Sizes past which a document is refused before its contents are looked at. */
export const bounds = { bytes: 1024 * 1024, steps: 1000, depth: 64 } as const

const matching = (pattern: RegExp, expected: string) => Schema.String.check(Schema.isPattern(pattern, { expected }))

const integer = (minimum: number, maximum: number, what: string) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { expected: `${what} from ${minimum} to ${maximum}` })
  )

const list = <S extends Schema.Constraint>(item: S, minimum: number, maximum: number, what: string) =>
  Schema.Array(item).check(
    Schema.isBetweenLength(minimum, maximum, { expected: `from ${minimum} to ${maximum} ${what}` })
  )

const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Encoded"]) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema)

const Text = Schema.String.check(Schema.isMinLength(1, { expected: "a text that is not empty" }))

/** Ten years, in ms: the longest time that any field may state. */
const maxMs = 10 * 365 * 24 * 60 * 60 * 1000
const Millis = integer(1, maxMs, "a whole number of milliseconds")

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

/** Starts a run for each event that matches. */
export const EventTrigger = Schema.Struct({
  type: Schema.Literal("event"),
  /** A name, or a pattern such as `github.pr.*`. */
  event: EventName.EventPattern,
  /** Starts a run only when true; sees `trigger`. */
  where: Schema.optionalKey(Expression),
  /** Events with equal keys start one run; sees `trigger`. */
  key: Schema.optionalKey(Expression)
})
/** Allows a start by hand. Every contract can be started by its id; this declares it. */
export const ManualTrigger = Schema.Struct({ type: Schema.Literal("manual") })
/** The triggers by type. */
export const triggerTypes = { event: EventTrigger, manual: ManualTrigger } as const
export const Trigger = Schema.Union([EventTrigger, ManualTrigger])
export type Trigger = typeof Trigger.Type

/** What a contract without limits of its own gets: 365 days in all, 30 minutes of work, 1000 executed steps. */
export const defaultLimits = {
  maxRunMs: 365 * 24 * 60 * 60 * 1000,
  maxActiveMs: 30 * 60 * 1000,
  maxSteps: 1000
} as const

/**
 * Bounds of one run. `maxRunMs` counts from the start and includes waiting,
 * `maxActiveMs` counts execution alone, `maxSteps` counts executed steps.
 */
export const Limits = Schema.Struct({
  maxRunMs: withDefault(Millis, defaultLimits.maxRunMs),
  maxActiveMs: withDefault(Millis, defaultLimits.maxActiveMs),
  maxSteps: withDefault(integer(1, 1_000_000, "a whole number of steps"), defaultLimits.maxSteps)
})
export type Limits = typeof Limits.Type

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

/** Fields of every step. */
export const commonFields = {
  id: StepId,
  name: Text,
  description: Schema.optionalKey(Schema.String),
  onError: Schema.optionalKey(OnError)
}

/** Fields of the steps that do work outside the run. */
const working = {
  retry: Schema.optionalKey(Retry),
  /** Longest time of one attempt. */
  timeoutMs: Schema.optionalKey(Millis)
}

/** Runs a named task on a worker and waits for it. A task whose worker died is asked about, unless `onCrash` says otherwise. */
export const TaskStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("task"),
  task: matching(/^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$/, "the name of a task: letters, digits, . _ / : and -"),
  input: withDefault(Template, null),
  /** Capabilities that the worker must have. */
  labels: withDefault(list(Text, 0, 32, "labels"), []),
  onCrash: withDefault(DocumentCrashRule, "ask"),
  ...working,
  next: Next
})

/** Asks a model. `output` is `"text"`, or the shape of the JSON that it must answer with. */
export const LlmStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("llm"),
  /** The host's default model when absent. */
  model: Schema.optionalKey(Text),
  system: Schema.optionalKey(Text),
  prompt: Text,
  maxTokens: Schema.optionalKey(integer(1, 10_000_000, "a whole number of tokens")),
  output: withDefault(
    Schema.Union([Schema.Literal("text"), JsonShape]).annotate({ expected: "\"text\" or a JSON Schema object" }),
    "text"
  ),
  ...working,
  next: Next
})

/** Publishes an event. Its output is the id of the event. */
export const EmitStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("emit"),
  event: EventName.EventName,
  payload: withDefault(Template, {}),
  next: Next
})

/** Waits for an event and returns its payload. On timeout goes to `timeout.next`, or fails when that is absent. */
export const WaitStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("wait"),
  event: EventName.EventName,
  /** Takes the event only when true; sees the event's payload as `event`. */
  where: Schema.optionalKey(Expression),
  timeout: Schema.optionalKey(Schema.Struct({ ms: Millis, next: Schema.optionalKey(Next) })),
  next: Next
})

/** Goes to the `next` of the first case whose `when` is true, else to `default`. Its output is the number of the case, or null. */
export const BranchStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("branch"),
  cases: list(Schema.Struct({ when: Expression, next: Next }), 1, 100, "cases"),
  default: Next
})

/** A name in the state of a run. */
export const StateName = matching(
  /^[A-Za-z][A-Za-z0-9_]{0,63}$/,
  "a name: a letter, then up to 63 letters, digits or _"
)

/** Evaluates `set` and writes each of its names into `state`. Its output is the record of new values. */
export const TransformStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("transform"),
  set: Schema.Record(StateName, Template).check(
    Schema.isBetweenProperties(1, 256, { expected: "from 1 to 256 names with their values" })
  ),
  next: Next
})

/** What the end of an approval's time means. */
export const OnTimeout = Schema.Union([
  Schema.Literals(["deny", "approve", "fail"]),
  Schema.Struct({ next: Next })
]).annotate({ expected: "\"deny\", \"approve\", \"fail\", or { \"next\": the id of a step or null }" })

/**
 * Asks people. Approved after `quorum.approvals` of the approvers said so
 * (one, by default); denied by the first denial or, with `quorum.of`, as soon
 * as that many answers can no longer contain enough approvals. Its output is
 * the answer: the decision, who gave it, the choice, the arguments as edited.
 */
export const ApprovalStep = Schema.Struct({
  ...commonFields,
  kind: Schema.Literal("approval"),
  prompt: Text,
  approvers: list(Text, 1, 100, "approvers"),
  choices: Schema.optionalKey(list(Text, 1, 32, "choices")),
  /** Shown with the question. */
  args: Schema.optionalKey(Template),
  /** Whether an approver may change `args`. */
  editable: withDefault(Schema.Boolean, false),
  quorum: Schema.optionalKey(
    Schema.Struct({
      approvals: integer(1, 100, "a whole number of approvals"),
      of: Schema.optionalKey(integer(1, 100, "a whole number of answers"))
    }).check(Schema.makeFilter(({ approvals, of }) => of === undefined || of >= approvals, {
      expected: "an `of` that is not less than `approvals`"
    }))
  ),
  /** Whoever started the run may not answer. */
  preventSelfApproval: withDefault(Schema.Boolean, false),
  nextOnApproved: Next,
  nextOnDenied: Next,
  timeout: Schema.optionalKey(Schema.Struct({ ms: Millis })),
  onTimeout: withDefault(OnTimeout, "deny")
})

/** The step kinds. A new kind is one more entry here and its edges in `ContractGraph`. */
export const stepKinds = {
  task: TaskStep,
  llm: LlmStep,
  emit: EmitStep,
  wait: WaitStep,
  branch: BranchStep,
  transform: TransformStep,
  approval: ApprovalStep
} as const
export type StepKind = keyof typeof stepKinds

/** One node of the graph, told apart by `kind`. */
export const Step = Schema.Union([TaskStep, LlmStep, EmitStep, WaitStep, BranchStep, TransformStep, ApprovalStep])
export type Step = typeof Step.Type
export type StepOf<Kind extends StepKind> = Extract<Step, { readonly kind: Kind }>

/** The fields of a contract without its lists, which the check decodes item by item. */
export const headFields = {
  /** Where editors find the JSON Schema of contracts. */
  $schema: Schema.optionalKey(Schema.String),
  schemaVersion: Schema.Literal(schemaVersion),
  id: matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "a contract id: letters, digits, . _ and -"),
  version: matching(
    /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?$/,
    "a semantic version such as 1.0.0"
  ),
  title: Text,
  description: Schema.optionalKey(Schema.String),
  limits: withDefault(Limits, {}),
  entryStepId: StepId
} as const

/** A contract with its defaults filled in. Use `ContractCheck` or `ContractValidation` to make one from outside data. */
export const Contract = Schema.Struct({
  ...headFields,
  triggers: withDefault(list(Trigger, 0, 100, "triggers"), []),
  permissions: withDefault(list(Policy.Permission, 0, 100, "permissions"), []),
  steps: list(Step, 1, bounds.steps, "steps")
})
export type Contract = typeof Contract.Type
/** A contract as people write it, with defaults left out. */
export type ContractDocument = typeof Contract.Encoded

const encode = Schema.encodeSync(Contract)

/**
 * The text to hash for the identity of a contract: its document with defaults
 * filled in, without whitespace, keys in code unit order. Documents that
 * differ only in key order, spacing, `$schema` or spelled-out defaults are equal.
 */
export const canonicalJson = (contract: Contract): string => {
  const { $schema: _, ...document } = encode(contract)
  return canonical(document as Schema.Json)
}

/** JSON text without whitespace and with keys in code unit order. */
const canonical = (value: Schema.Json): string => {
  if (value === null || typeof value !== "object") return StoredJson.textOf(value)
  if (isArray(value)) return `[${value.map(canonical).join(",")}]`
  const object: Schema.JsonObject = value
  const items = Object.keys(object).sort().map((name) => `${StoredJson.quote(name)}:${canonical(object[name] ?? null)}`)
  return `{${items.join(",")}}`
}

const isArray = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)
