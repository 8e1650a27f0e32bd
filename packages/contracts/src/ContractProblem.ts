/**
 * One mistake in a contract: where it is, what was found there and what would
 * be right.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Schema from "effect/Schema"

/** What kind of mistake it is. Stable, for tools. */
export const Code = Schema.Literals([
  "not-json",
  "lossy",
  "not-an-object",
  "too-large",
  "too-deep",
  "too-many-problems",
  "missing",
  "unknown-field",
  "wrong-type",
  "wrong-value",
  "unknown-kind",
  "duplicate-id",
  "unknown-step",
  "unreachable-step",
  "reserved-event",
  "missing-permission",
  "bad-expression",
  "unknown-reference"
])
export type Code = typeof Code.Type

/**
 * `path` looks like `steps[3].next` and is empty for the document itself.
 * `found` is a short rendering of what was there (absent when nothing was).
 * `position` is the offset in the text at `path`, for mistakes inside an
 * expression. `message` is a whole sentence made of the rest.
 */
export const ContractProblem = Schema.Struct({
  path: Schema.String,
  code: Code,
  found: Schema.optionalKey(Schema.String),
  expected: Schema.String,
  suggestion: Schema.optionalKey(Schema.String),
  position: Schema.optionalKey(Schema.Int),
  message: Schema.String
})
export type ContractProblem = typeof ContractProblem.Type

/** A path as keys and indexes, outermost first. */
export type Path = ReadonlyArray<PropertyKey>

/** Renders a path: `steps[3].next`, with names that are no identifiers in quotes. */
export const renderPath = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`
    const name = String(key)
    if (!/^[A-Za-z_$][A-Za-z0-9_$-]*$/.test(name)) return `${text}[${StoredJson.quote(name)}]`
    return text === "" ? name : `${text}.${name}`
  }, "")

/** Renders a value from a document in at most 80 characters. */
export const renderValue = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`
  if (typeof value === "object" && value !== null) {
    const names = Object.keys(value)
    const kind: unknown = Object.hasOwn(value, "kind") ? Reflect.get(value, "kind") : undefined
    if (typeof kind === "string") return `an object of kind ${quote(kind)}`
    return names.length === 0 ? "an empty object" : `an object with ${names.slice(0, 4).map(quote).join(", ")}`
  }
  return typeof value === "string" ? quote(value) : `${value === undefined ? "nothing" : String(value)}`
}

/** Makes a problem; the message is composed from the fields unless one is given. */
export const make = (options: {
  readonly path: Path
  readonly code: Code
  readonly found?: string | undefined
  readonly expected: string
  readonly suggestion?: string | undefined
  readonly position?: number | undefined
  readonly message?: string | undefined
}): ContractProblem => {
  const path = renderPath(options.path)
  const { found, position, suggestion } = options
  const tail = suggestion === undefined ? "" : `; did you mean ${quote(suggestion)}?`
  return {
    path,
    code: options.code,
    ...(found === undefined ? {} : { found }),
    expected: options.expected,
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(position === undefined ? {} : { position }),
    message: `${path === "" ? "the document" : path}: ${
      options.message ?? `found ${found ?? "nothing"}, expected ${options.expected}`
    }${tail}`
  }
}

// ---------------------------------------------------------------- internal

const quote = (text: string): string => StoredJson.quote(text.length > 60 ? `${text.slice(0, 57)}...` : text)
