/**
 * One mistake in a contract: where it is, what was found there and what would
 * be right.
 */
import { Code, ContractProblem } from "@fermata/core/ContractErrors"
import * as StoredJson from "@fermata/core/StoredJson"

export { Code, ContractProblem }

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
