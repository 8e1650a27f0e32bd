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
import * as EventName from "@fermata/core/EventName"
import * as Permission from "@fermata/core/Permission"
import * as Schedule from "@fermata/core/Schedule"
import * as StoredJson from "@fermata/core/StoredJson"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Parts from "./ContractParts.ts"
import * as ContractTimes from "./internal/ContractTimes.ts"
import { JsonShape } from "./JsonShape.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"

/** The only schema version that this build reads. */
export const schemaVersion = "fermata.contract.v1"

/** Sizes past which a document is refused before its contents are looked at. */
export const bounds = { bytes: 1024 * 1024, steps: 1000, depth: 64 } as const

/** Starts a run for each event that matches. */
export const EventTrigger = Schema.Struct({
  type: Schema.Literal("event"),
  /** A name, or a pattern such as `github.pr.*`. */
  event: EventName.EventPattern,
  /** Starts a run only when true; sees `trigger`. */
  where: Schema.optionalKey(Parts.Expression),
  /** Events with equal keys start one run; sees `trigger`. */
  key: Schema.optionalKey(Parts.Expression)
})
/** Starts a run at each time of a schedule. Exactly one of `everyMs` and `cron` says when. */
export const ScheduleTrigger = Schema.Struct({
  type: Schema.Literal("schedule"),
  everyMs: Schema.optionalKey(Schedule.IntervalSpec.fields.everyMs),
  cron: Schema.optionalKey(Schema.String),
  zone: Schema.optionalKey(Schema.String),
  /** What the run is given; the slot when absent, as `trigger` has it. */
  input: Schema.optionalKey(Schema.Json),
  jitterMs: Schedule.ScheduleOptions.fields.jitterMs,
  overlap: Schedule.ScheduleOptions.fields.overlap,
  catchUp: Schedule.ScheduleOptions.fields.catchUp,
  windowMs: Schedule.ScheduleOptions.fields.windowMs
}).check(Schema.makeFilter((trigger) => ContractTimes.problemOf(trigger) ?? true))
/** Allows a start by hand. Every contract can be started by its id; this declares it. */
export const ManualTrigger = Schema.Struct({ type: Schema.Literal("manual") })
/** The triggers by type. */
export const triggerTypes = { event: EventTrigger, schedule: ScheduleTrigger, manual: ManualTrigger } as const
/** What starts a run of a contract. */
export const Trigger = Schema.Union([EventTrigger, ScheduleTrigger, ManualTrigger])
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
  maxRunMs: Parts.withDefault(Parts.Millis, defaultLimits.maxRunMs),
  maxActiveMs: Parts.withDefault(Parts.Millis, defaultLimits.maxActiveMs),
  maxSteps: Parts.withDefault(Parts.integer(1, 1_000_000, "a whole number of steps"), defaultLimits.maxSteps)
})
export type Limits = typeof Limits.Type

/** The fields of a contract without its lists, which the check decodes item by item. */
export const headFields = {
  /** Where editors find the JSON Schema of contracts. */
  $schema: Schema.optionalKey(Schema.String),
  schemaVersion: Schema.Literal(schemaVersion),
  id: Parts.matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "a contract id: letters, digits, . _ and -"),
  version: Parts.matching(
    /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?$/,
    "a semantic version such as 1.0.0"
  ),
  title: Parts.Text,
  /** What each run is about, in one line; sees `input` and `trigger`. */
  runTitle: Schema.optionalKey(Parts.Text.annotate({ description: "a text with templates" })),
  description: Schema.optionalKey(Schema.String),
  limits: Parts.withDefault(Limits, {}),
  entryStepId: Parts.StepId,
  /** What a completed run comes to; the output of its last step when absent. */
  output: Schema.optionalKey(Parts.Template),
  /** What that must look like. */
  outputSchema: Schema.optionalKey(JsonShape)
} as const

/** A contract with its defaults filled in. Use `ContractCheck` or `ContractValidation` to make one from outside data. */
export interface Contract extends Schema.Struct.Type<typeof headFields> {
  readonly triggers: ReadonlyArray<Trigger>
  readonly permissions: ReadonlyArray<Permission.Permission>
  readonly steps: ReadonlyArray<StepShape.AnyStep>
}

const documentOf = <const Shapes extends StepShape.StepShapes>(shapes: Shapes) => {
  const step = stepOf(shapes)
  return Schema.Struct({
    ...headFields,
    triggers: Parts.withDefault(Parts.list(Trigger, 0, 100, "triggers"), []),
    permissions: Parts.withDefault(Parts.list(Permission.Permission, 0, 100, "permissions"), []),
    steps: Parts.list(step, 1, bounds.steps, "steps")
  })
}

/** The fields of a shape. */
type FieldsOf<Shape> = Shape extends StepShape.StepShape<string, infer Fields> ? Fields : never
type SchemasOf<Shapes extends StepShape.StepShapes> = {
  readonly [Index in keyof Shapes]: ReturnType<
    typeof StepShape.schemaOf<Shapes[Index]["kind"], FieldsOf<Shapes[Index]>>
  >
}

/** One node of the graph, told apart by `kind`. Steps inside it are such nodes again. */
const stepOf = <const Shapes extends StepShape.StepShapes>(shapes: Shapes) => {
  const inner: Parts.Steps = Parts.list(Schema.suspend(() => step), 1, bounds.steps, "steps")
  const step = Schema.Union(shapes.map((shape) => StepShape.schemaOf(shape, inner))).annotate({
    identifier: "Step"
  }) as Schema.Codec<Parts.AnyStep, Parts.StepDocument>
  return step as Schema.Union<SchemasOf<Shapes>>
}

const standard = documentOf(standardShapes)

/** A contract of the standard kinds as people write it, with defaults left out. */
export type ContractDocument = typeof standard.Encoded

const made = new WeakMap<StepShape.StepShapes, Schema.Codec<Contract, unknown>>()

/** The schema of contracts whose steps are of these kinds. */
export const schemaOf = (shapes: StepShape.StepShapes): Schema.Codec<Contract, unknown> => {
  const known = made.get(shapes)
  if (known !== undefined) return known
  const schema = documentOf(shapes)
  made.set(shapes, schema)
  return schema
}

/** Reads the text of a stored contract whose steps are of these kinds. */
export const decodeText = (text: string, shapes: StepShape.StepShapes = standardShapes): Exit.Exit<Contract, unknown> =>
  Schema.decodeUnknownExit(Schema.fromJsonString(schemaOf(shapes)))(text)

/** The fields of every contract, for who looks at no step: steps of any kind pass. */
export const Head = Schema.Struct({
  ...headFields,
  triggers: Parts.withDefault(Parts.list(Trigger, 0, 100, "triggers"), [])
})

/**
 * The text to hash for the identity of a contract: its document with defaults
 * filled in, without whitespace, keys in code unit order. Documents that
 * differ only in key order, spacing, `$schema` or spelled-out defaults are equal.
 */
export const canonicalJson = (contract: Contract, shapes: StepShape.StepShapes = standardShapes): string => {
  const { $schema: _, ...document } = Schema.encodeSync(schemaOf(shapes))(contract) as Schema.JsonObject
  return canonical(document)
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
