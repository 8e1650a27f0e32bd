/**
 * The part of JSON Schema in which a contract describes the structured output
 * of a model: types, properties, items, enums and simple bounds. No
 * references, no combinators, no patterns, so a shape is finite and checking a
 * value against it takes time proportional to the value.
 */
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Schema from "effect/Schema"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }, {
  expected: "an integer from 0 to 1000000"
}))

const types = ["string", "number", "integer", "boolean", "null", "object", "array"] as const

/** A description of a JSON value. Object properties that it does not name are allowed unless `additionalProperties` is false. */
export interface JsonShape {
  readonly type?: (typeof types)[number]
  readonly title?: string
  readonly description?: string
  readonly enum?: ReadonlyArray<Schema.Json>
  readonly properties?: { readonly [name: string]: JsonShape }
  readonly required?: ReadonlyArray<string>
  readonly additionalProperties?: boolean
  readonly items?: JsonShape
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

const self = Schema.suspend((): Schema.Codec<JsonShape> => JsonShape)

export const JsonShape: Schema.Codec<JsonShape> = Schema.Struct({
  type: Schema.optionalKey(Schema.Literals(types)),
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  enum: Schema.optionalKey(
    Schema.Array(Schema.Json).check(Schema.isMinLength(1, { expected: "at least one value" }))
  ),
  properties: Schema.optionalKey(Schema.Record(Schema.String, self)),
  required: Schema.optionalKey(Schema.Array(Schema.String)),
  additionalProperties: Schema.optionalKey(Schema.Boolean),
  items: Schema.optionalKey(self),
  minItems: Schema.optionalKey(Count),
  maxItems: Schema.optionalKey(Count),
  minLength: Schema.optionalKey(Count),
  maxLength: Schema.optionalKey(Count),
  minimum: Schema.optionalKey(Schema.Finite),
  maximum: Schema.optionalKey(Schema.Finite)
})

/**
 * The first few places where `value` does not fit the shape, each as a path
 * and what was expected there; empty when it fits.
 */
export const mismatches = (
  shape: JsonShape,
  value: Schema.Json
): ReadonlyArray<{ readonly path: string; readonly expected: string }> => {
  const found: Array<{ readonly path: string; readonly expected: string }> = []
  visit(shape, value, "", (path, expected) => {
    if (found.length < 20) found.push({ path, expected })
  })
  return found
}

/** A name that leads nowhere in any value of a shape. */
export interface DeadEnd {
  /** Which of the names it is, from 0. */
  readonly index: number
  /** The names that there are; none where the value has no fields. */
  readonly known: ReadonlyArray<string>
}

/**
 * The first of these names that leads nowhere in any value that fits the shape.
 * A name goes through a list to each of its items. Undefined when there is none,
 * and where the shape does not say.
 */
export const deadEnd = (shape: JsonShape, names: ReadonlyArray<string>): DeadEnd | undefined => {
  let at: JsonShape | undefined = shape
  for (const [index, name] of names.entries()) {
    while (at?.type === "array") at = at.items
    if (at?.type === undefined) return undefined
    const properties: Readonly<Record<string, JsonShape>> = at.type === "object" ? at.properties ?? {} : {}
    if (Object.hasOwn(properties, name)) at = properties[name]
    else if (at.type === "object" && at.additionalProperties !== false) return undefined
    else return { index, known: Object.keys(properties) }
  }
  return undefined
}

// ---------------------------------------------------------------- internal

const typeOf = (value: Schema.Json): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value

const isObject = (value: Schema.Json): value is Schema.JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value)

const isArray = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const visit = (
  shape: JsonShape,
  value: Schema.Json,
  path: string,
  report: (path: string, expected: string) => void
): void => {
  const fits = shape.type === undefined || shape.type === typeOf(value) ||
    (shape.type === "integer" && Number.isInteger(value))
  if (!fits) return report(path, shape.type ?? "")
  if (shape.enum !== undefined && !shape.enum.some((item) => SameJson.same(item, value))) {
    report(path, `one of ${StoredJson.textOf(shape.enum)}`)
  }
  if (typeof value === "string") {
    if (value.length < (shape.minLength ?? 0)) report(path, `at least ${shape.minLength} characters`)
    if (value.length > (shape.maxLength ?? Infinity)) report(path, `at most ${shape.maxLength} characters`)
  } else if (typeof value === "number") {
    if (value < (shape.minimum ?? -Infinity)) report(path, `a number of at least ${shape.minimum}`)
    if (value > (shape.maximum ?? Infinity)) report(path, `a number of at most ${shape.maximum}`)
  } else if (isArray(value)) {
    if (value.length < (shape.minItems ?? 0)) report(path, `at least ${shape.minItems} items`)
    if (value.length > (shape.maxItems ?? Infinity)) report(path, `at most ${shape.maxItems} items`)
    const { items } = shape
    if (items !== undefined) value.forEach((item, i) => visit(items, item, `${path}[${i}]`, report))
  } else if (isObject(value)) {
    const at = (name: string): string => path === "" ? name : `${path}.${name}`
    const properties = shape.properties ?? {}
    for (const name of shape.required ?? []) {
      if (!Object.hasOwn(value, name)) report(at(name), "a value, because it is required")
    }
    for (const name of Object.keys(value)) {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined
      if (property !== undefined) visit(property, value[name] as Schema.Json, at(name), report)
      else if (shape.additionalProperties === false) report(at(name), "no such property")
    }
  }
}
