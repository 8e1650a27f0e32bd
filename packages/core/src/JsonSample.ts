/**
 * Small values that fit a JSON Schema, so that people are shown what could be
 * given. A schema says less than the code that reads the value (it knows texts,
 * and not that a text must be a date), so there are several to choose from.
 */

/** A JSON Schema (draft 2020-12) with its definitions, as `Schema.toJsonSchemaDocument` makes it. */
export interface Document {
  readonly schema: unknown
  readonly definitions?: Readonly<Record<string, unknown>> | undefined
}

/** Values to try, the plainest first; none for a schema that nothing fits as far as this can tell. */
export const samples = ({ definitions = {}, schema }: Document): ReadonlyArray<unknown> =>
  texts.flatMap((text) => {
    const made = sample(schema, { definitions, text }, 0)
    return made === undefined ? [] : [made.value]
  })

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** What a text may have to be, where the schema says no more than that it is one. */
const texts = [
  "text",
  "2026-01-31T12:00:00.000Z",
  "2026-01-31",
  "1",
  "a@example.org",
  "https://example.org/",
  "00000000-0000-4000-8000-000000000000",
  "dGV4dA==",
  ""
]

interface Around {
  readonly definitions: Readonly<Record<string, unknown>>
  readonly text: string
}

type Made = { readonly value: unknown } | undefined
type Node = Readonly<Record<string, unknown>>

/** Deeper than this, only what must be there is made, and a schema that never ends has no sample. */
const maxDepth = 12

const sample = (schema: unknown, around: Around, depth: number): Made => {
  if (depth > maxDepth || schema === false) return undefined
  if (!isNode(schema)) return { value: {} }
  if ("const" in schema) return { value: schema["const"] }
  const { allOf, anyOf, enum: members, oneOf, $ref } = schema
  if (Array.isArray(members)) return members.length === 0 ? undefined : { value: members[0] }
  if (typeof $ref === "string") {
    return sample(around.definitions[unescaped($ref.split("/").at(-1) ?? "")], around, depth + 1)
  }
  const { allOf: _allOf, anyOf: _anyOf, oneOf: _oneOf, ...own } = schema
  for (const choices of [anyOf, oneOf]) {
    if (!Array.isArray(choices)) continue
    for (const choice of choices) {
      const made = sample(isNode(choice) ? { ...own, ...choice } : choice, around, depth + 1)
      if (made !== undefined) return made
    }
    return undefined
  }
  if (Array.isArray(allOf)) return sample(allOf.filter(isNode).reduce<Node>(both, own), around, depth + 1)
  return ofType(schema, around, depth)
}

const ofType = (schema: Node, around: Around, depth: number): Made => {
  const type = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"]
  switch (type) {
    case "string":
      return { value: ofLength(around.text, schema) }
    case "integer":
    case "number":
      return { value: numberIn(schema, type === "integer") }
    case "boolean":
      return { value: true }
    case "null":
      return { value: null }
    case "array":
      return listOf(schema, around, depth)
    default:
      return "properties" in schema || type === "object" ? objectOf(schema, around, depth) : { value: {} }
  }
}

const ofLength = (text: string, { maxLength, minLength }: Node): string => {
  const least = typeof minLength === "number" ? minLength : 0
  const longer = text.length < least ? text.padEnd(least, text === "" ? "a" : text) : text
  return typeof maxLength === "number" ? longer.slice(0, maxLength) : longer
}

const numberIn = (
  { exclusiveMaximum, exclusiveMinimum, maximum, minimum, multipleOf }: Node,
  isInteger: boolean
): number => {
  const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined
  const step = number(multipleOf) ?? 1
  const least = Math.max(number(minimum) ?? -Infinity, number(exclusiveMinimum) ?? -Infinity)
  const most = Math.min(number(maximum) ?? Infinity, number(exclusiveMaximum) ?? Infinity)
  if (least < 1 && most > 1 && step === 1) return 1
  const above = least === -Infinity ? Math.floor(most / step) * step : Math.ceil(least / step) * step
  const inside = above === number(exclusiveMinimum)
    ? above + step
    : above === number(exclusiveMaximum)
    ? above - step
    : above
  return isInteger || multipleOf !== undefined || inside < most ? inside : (Math.max(least, most - 1) + most) / 2
}

const listOf = (schema: Node, around: Around, depth: number): Made => {
  const prefix = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : []
  const least = typeof schema["minItems"] === "number" ? schema["minItems"] : 0
  const items = [...prefix, ...Array.from({ length: Math.max(0, least - prefix.length) }, () => schema["items"] ?? {})]
  const made = items.map((item) => sample(item, around, depth + 1))
  return made.includes(undefined) ? undefined : { value: made.map((one) => one?.value) }
}

const objectOf = (schema: Node, around: Around, depth: number): Made => {
  const properties = isNode(schema["properties"]) ? schema["properties"] : {}
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : []
  const value: Record<string, unknown> = {}
  for (const name of required) {
    const made = sample(properties[name] ?? {}, around, depth + 1)
    if (made === undefined) return undefined
    value[name] = made.value
  }
  return { value }
}

const both = (a: Node, b: Node): Node => ({
  ...a,
  ...b,
  ...(isNode(a["properties"]) && isNode(b["properties"])
    ? { properties: { ...a["properties"], ...b["properties"] } }
    : {}),
  ...(Array.isArray(a["required"]) && Array.isArray(b["required"])
    ? { required: [...a["required"], ...b["required"]] }
    : {})
})

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value)

const unescaped = (token: string): string => token.replaceAll("~1", "/").replaceAll("~0", "~")
