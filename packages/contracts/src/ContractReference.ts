/**
 * What every field of a contract means, as the JSON Schema by which editors
 * help, and as the page that people read. Both are made from the schema of
 * contracts; only the words are written here, and none may be missing.
 */
import * as Permission from "@fermata/core/Permission"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Schema from "effect/Schema"
import * as Contract from "./Contract.ts"
import * as Parts from "./ContractParts.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { StepShapes } from "./StepShape.ts"

/** The JSON Schema (draft 2020-12) of a contract document. */
export const jsonSchema = (shapes: StepShapes = standardShapes): object => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(Schema.toEncoded(Contract.schemaOf(shapes)))
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A contract of Fermata",
    description: "A workflow as a JSON document.",
    ...described(closed(schema), head, lists),
    $defs: Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [
        name,
        name === "Step" ? oneOf(closed(definition), stepTexts(shapes)) : closed(definition)
      ])
    )
  }
}

/** The page about all fields, as Markdown. */
export const markdown = (shapes: StepShapes = standardShapes): string => {
  const { properties, required } = described(
    closed(Schema.toJsonSchemaDocument(Schema.toEncoded(Contract.schemaOf(shapes))).schema),
    head,
    lists
  )
  return `# Contracts: every field

A contract is one JSON document. Strings are templates: \`{{ expression }}\` in them is replaced by the value of the [JSONata](https://jsonata.org) expression, and a string that is one \`{{ }}\` alone becomes the value itself. \`when\`, \`where\` and \`key\` are expressions, with or without the braces. Expressions see \`trigger\`, \`input\`, \`steps.<id>.output\`, \`state\` and \`run\`; the \`where\` of a \`wait\` sees the candidate as \`event\`.

With \`"$schema"\` an editor knows all of this: name [contract.schema.json](src/contract.schema.json), which is \`node_modules/@fermata/contracts/dist/contract.schema.json\` in an installation. It knows fields and values; \`fermata contracts check\` also knows expressions, permissions and whether the graph holds together.

${table(properties, required)}
${
    [
      ...parts("A trigger", "type", Contract.triggerTypes, triggers),
      ...parts("A permission", "kind", Permission.permissionKinds, permissions),
      ...parts(
        "A step",
        "kind",
        Object.fromEntries(shapes.map((shape) => [shape.kind, StepShape.schemaOf(shape, aList)])),
        stepTexts(shapes)
      ),
      ...["retry", "limits"].map((name) =>
        `## \`${name}\`\n\n${name === "retry" ? `${tableOf(Parts.Retry, retry)}` : tableOf(Contract.Limits, limits)}`
      )
    ].join("\n")
  }`
}

// ----------------------------------------------------------------------------
// words
// ----------------------------------------------------------------------------

type Texts<Fields> = { readonly [K in keyof Fields]: string }

const head: Texts<Contract.Contract> = {
  $schema: "Where an editor finds the JSON Schema of contracts. It is no part of the contract's identity.",
  schemaVersion: "The format of the document.",
  id: "The name by which the contract is started: letters, digits, `.`, `_` and `-`.",
  version: "A semantic version, such as `1.0.0`. What was stored under one id and version never changes.",
  title: "One line about it, for people.",
  runTitle:
    "One line that tells its runs apart in lists, such as `Ticket {{ input.id }}`; sees `input` and `trigger`, and is made once, when a run is asked for. The key of the run, or the first short text of its input, when absent.",
  description: "More about it, for people.",
  limits: "Bounds of one run.",
  entryStepId: "The step at which a run begins.",
  output:
    "What a completed run comes to, such as `{ \"total\": \"{{ state.total }}\" }`; sees what steps see. The output of its last step when absent.",
  outputSchema:
    "What the output must look like, as the `output` of an `llm` step says it; a run with another output fails.",
  triggers: "What starts runs. Every contract can also be started by its id.",
  permissions: "What its steps may do; everything else is refused.",
  steps: "The steps, in any order: they go on by `next`."
}

const limits: Texts<typeof Contract.Limits.fields> = {
  maxRunMs:
    "Longest time from start to end in ms, waiting included; no delay or timeout may be as long. Default 365 days.",
  maxActiveMs: "Longest time of execution in ms, without waiting. Default 30 minutes.",
  maxSteps: "Most steps that one run may execute. Default 1000."
}

const retry: Texts<typeof Parts.Retry.fields> = {
  maxAttempts: "Attempts in all.",
  initialMs: "The first pause in ms. Default 1000.",
  factor: "Each next pause is this many times longer. Default 2.",
  maxMs: "The longest pause in ms. Default 60000.",
  jitter: "Whether pauses vary a little."
}

const triggers: {
  readonly [K in keyof typeof Contract.triggerTypes]: Texts<typeof Contract.triggerTypes[K]["fields"]>
} = {
  event: {
    type: "Starts a run for each event that matches.",
    event: "The name of the event, or a pattern such as `github.pr.*`.",
    where: "Starts a run only when this is true; sees `trigger`.",
    key: "Events with equal keys start one run; sees `trigger`."
  },
  schedule: {
    type: "Starts a run at each time of a schedule, as the newest version of the contract says it.",
    everyMs: "Once in so many ms, from when the contract was added. This, or `cron`.",
    cron: "At the times of five fields, or of a name such as `@daily`.",
    zone: "The time zone of `cron`, such as `Europe/Berlin`. Default `UTC`.",
    input: "What the run is given. By default the slot: `{ schedule, slot, missed }`, which is `trigger` too.",
    jitterMs: "Each run starts up to so many ms later.",
    overlap: "What becomes of a time that comes while the last run goes on. Default `skip`.",
    catchUp: "What becomes of times that passed while nothing was at work. Default `coalesce`.",
    windowMs: "How late (ms) a time may be caught up with."
  },
  manual: { type: "Says that the contract is meant to be started by hand." }
}

const permissions: {
  readonly [K in keyof typeof Permission.permissionKinds]: Texts<typeof Permission.permissionKinds[K]["fields"]>
} = {
  "event:emit": { kind: "Allows `emit` steps.", pattern: "The events that may be published." },
  "llm:invoke": { kind: "Allows `llm` steps.", model: "The models that may be asked; all when absent." },
  "task:run": { kind: "Allows `task` steps.", pattern: "The tasks that may be run; all when absent." },
  "workflow:call": {
    kind: "Allows `call` steps, and the agents of `llm` steps. What they run has permissions of its own.",
    pattern: "The workflows that may be run; all when absent."
  },
  "http:request": {
    kind: "Allows `http` steps.",
    pattern: "The services that may be asked; all when absent.",
    methods: "The methods by which they may be asked; all when absent."
  }
}

// ----------------------------------------------------------------------------
// making
// ----------------------------------------------------------------------------

const aList = Schema.Array(Schema.Unknown) as Parts.Steps

/** The words of each kind of step by its fields. */
const stepTexts = (shapes: StepShapes): TextsByKind =>
  Object.fromEntries(
    shapes.map(({ kind, schema: { words } }): readonly [string, Readonly<Record<string, string>>] => [
      kind,
      { ...Parts.words.common, undo: Parts.words.undo, ...words }
    ])
  )

type TextsByKind = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The words of what stands in the lists of a contract. */
const lists: Readonly<Record<string, TextsByKind>> = {
  triggers,
  permissions
}

type Node = Readonly<Record<string, unknown>>
interface Described {
  readonly properties: Readonly<Record<string, Node>>
  readonly required: ReadonlyArray<string>
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value)

/** A document has no fields but those that are known. */
const closed = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(closed)
    : isNode(value)
    ? Object.fromEntries(
      Object.entries(value).map((
        [name, inner]
      ) => [name, name === "additionalProperties" && inner === true && "properties" in value ? false : closed(inner)])
    )
    : value

const described = (
  schema: unknown,
  texts: Readonly<Record<string, string>>,
  lists: Readonly<Record<string, TextsByKind>> = {}
): Described & Node => {
  const node: Node = isNode(schema) ? schema : {}
  const properties: Readonly<Record<string, unknown>> = isNode(node["properties"]) ? node["properties"] : {}
  return {
    ...node,
    properties: Object.fromEntries(
      Object.entries(properties).map((
        [name, inner]
      ) => [name, { ...withParts(name, inner, lists), description: texts[name] }])
    ),
    required: Array.isArray(node["required"]) ? node["required"].map(String) : []
  }
}

/** The lists of the document hold objects of several kinds, told apart by a field; each has texts of its own. */
const withParts = (name: string, schema: unknown, lists: Readonly<Record<string, TextsByKind>>): Node => {
  const node: Node = isNode(schema) ? schema : {}
  if (name === "limits") return described(node, limits)
  if (name === "retry") return described(node, retry)
  const kinds = lists[name]
  const items = node["items"]
  if (kinds === undefined || !isNode(items) || !Array.isArray(items["anyOf"])) return node
  return { ...node, items: oneOf(items, kinds) }
}

/** Of several kinds of objects one, each with its texts. */
const oneOf = (schema: unknown, kinds: TextsByKind): Node => ({
  oneOf: (isNode(schema) && Array.isArray(schema["anyOf"]) ? schema["anyOf"] : []).map((item) =>
    described(item, kinds[kindOf(item)] ?? {})
  )
})

const kindOf = (item: unknown): string => {
  const properties = isNode(item) && isNode(item["properties"]) ? item["properties"] : {}
  const tag = properties["kind"] ?? properties["type"]
  return isNode(tag) && Array.isArray(tag["enum"]) ? String(tag["enum"][0]) : ""
}

const parts = (
  what: string,
  tag: string,
  kinds: Readonly<Record<string, Schema.Top>>,
  texts: TextsByKind
): ReadonlyArray<string> =>
  Object.entries(kinds).map(([kind, schema]) => {
    const { [tag]: summary = "", ...rest } = texts[kind] ?? {}
    const body = tableOf(schema, rest, tag)
    return `## ${what}: \`${kind}\`\n\n\`"${tag}": "${kind}"\`. ${summary}\n${body === "" ? "" : `\n${body}`}`
  })

const tableOf = (schema: Schema.Top, texts: Readonly<Record<string, string>>, without?: string): string => {
  const { properties, required } = described(
    closed(Schema.toJsonSchemaDocument(Schema.toEncoded(schema)).schema),
    texts
  )
  const { [without ?? ""]: _tag, ...rest } = properties
  return Object.keys(rest).length === 0 ? "" : table(rest, required)
}

const table = (properties: Described["properties"], required: ReadonlyArray<string>): string =>
  `| field | | is | meaning |\n|---|---|---|---|\n${
    Object.entries(properties).map(([name, schema]) =>
      `| \`${name}\` | ${required.includes(name) ? "required" : ""} | ${typeText(schema)} | ${
        String(schema["description"])
      } |\n`
    ).join("")
  }`

/** What a value of the schema is, in a word or two. */
const typeText = (schema: unknown): string => {
  if (!isNode(schema)) return "any JSON"
  const { anyOf, enum: values, maximum, minimum, type } = schema
  if (Array.isArray(values)) return values.map((value) => `\`${StoredJson.show(value)}\``).join(", ")
  if (Array.isArray(anyOf)) return [...new Set(anyOf.map(typeText))].join(" or ")
  switch (type) {
    case "integer":
    case "number":
      return `${type === "integer" ? "whole number" : "number"}${
        typeof minimum === "number" ? ` from ${minimum} to ${String(maximum)}` : ""
      }`
    case "string":
      return "text"
    case "boolean":
      return "true or false"
    case "null":
      return "`null`"
    case "array":
      return "list"
    default:
      return type === "object" || "$ref" in schema ? "object" : "any JSON"
  }
}
