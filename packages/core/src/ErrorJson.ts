/**
 * Why something failed, as JSON: what of an error is kept in a journal.
 *
 * Name, message, own fields, causes, the errors of an aggregate, and where it
 * was thrown. All of it is bounded, since an error may carry a whole response,
 * and nothing of it is refused, since a failure must be recorded whatever it
 * is. Values that are `Redacted` stay so.
 *
 * Where it was thrown is for people: no comparison and no digest counts it.
 */
import * as Redacted from "effect/Redacted"

/** How much of an error is kept; lengths in characters. */
export const bounds = {
  /** How many causes follow each other. */
  causes: 6,
  /** Errors of one aggregate. */
  errors: 10,
  /** Places of the program on the way to the error, and to each of its causes. */
  frames: 8,
  /** One message, and one text in a field. */
  message: 4_000,
  text: 1_000,
  /** Own fields, members of an object, items of a list. */
  fields: 30,
  items: 20,
  /** Levels of lists and objects in a field. */
  levels: 4,
  /** All fields together, with those of causes. */
  total: 16_000
} as const

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

/** The recorded form of whatever was thrown. Never throws. */
export const encode = (thrown: unknown): Json => {
  const budget = { left: bounds.total }
  return isError(thrown)
    ? errorJson(thrown, budget, bounds.causes, [])
    : valueJson(thrown, budget, bounds.levels + 1, [])
}

/** What the schema of an error does not record of it: its causes and where it was thrown. */
export const traceOf = (thrown: unknown): Json | undefined => {
  if (!isError(thrown)) return undefined
  const { cause, errors, name, stack } = errorJson(thrown, { left: bounds.total }, bounds.causes, [], false) as {
    readonly [name: string]: Json
  }
  return cause === undefined && errors === undefined && stack === undefined
    ? undefined
    : {
      name: name!,
      ...(cause === undefined ? {} : { cause }),
      ...(errors === undefined ? {} : { errors }),
      ...(stack === undefined ? {} : { stack })
    }
}

/** What {@link encode} recorded, or what older builds did: an error where it was one, with its fields, else the value. */
export const decode = (json: unknown): unknown => {
  if (!isRecord(json) || typeof json["message"] !== "string") return json
  const { cause, errors, message, name, stack, ...fields } = json
  const error = new Error(message as string)
  const hidden = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false })
  for (const [key, value] of Object.entries(fields)) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true })
  }
  if (typeof name === "string" && name !== "Error") error.name = name
  if (cause !== undefined) hidden("cause", decode(cause))
  if (Array.isArray(errors)) hidden("errors", errors.map(decode))
  const head = `${error.name}: ${error.message}`
  hidden(
    "stack",
    Array.isArray(stack)
      ? [head, ...stack.map((frame) => `    at ${String(frame)}`)].join("\n")
      : typeof stack === "string"
      ? stack
      : head
  )
  return error
}

/** A recorded error without where it was thrown, for comparisons. */
export const withoutPlaces = (json: unknown): unknown => {
  if (!isRecord(json) || typeof json["message"] !== "string") return json
  const { cause, errors, stack: _stack, ...rest } = json
  return {
    ...rest,
    ...(cause === undefined ? {} : { cause: withoutPlaces(cause) }),
    ...(Array.isArray(errors) ? { errors: errors.map(withoutPlaces) } : {})
  }
}

// ----------------------------------------------------------------------------
// what is kept
// ----------------------------------------------------------------------------

interface Budget {
  left: number
}

const errorJson = (
  error: Error,
  budget: Budget,
  causes: number,
  around: ReadonlyArray<object>,
  withFields = true
): Json => {
  const inside = [...around, error]
  const name = textOf(read(error, "name"))
  const message = textOf(read(error, "message"))
  const json: Record<string, Json> = {
    name: brief(name === "" ? "Error" : name, bounds.text),
    message: brief(message, bounds.message)
  }
  budget.left -= json["name"]!.toString().length + json["message"]!.toString().length
  if (withFields) {
    for (const key of keysOf(error).slice(0, bounds.fields)) {
      if (known.has(key) || key.startsWith("~") || budget.left <= 0) continue
      // The tree behind the message of a schema holds the values that it refused.
      if (key === "issue" && name === "SchemaError") continue
      const value = read(error, key)
      if (value === undefined || typeof value === "function") continue
      set(
        json,
        key,
        isError(value) ? related(value, budget, causes, inside) : valueJson(value, budget, bounds.levels, inside)
      )
    }
  }
  const cause = read(error, "cause")
  if (cause !== undefined) json["cause"] = related(cause, budget, causes, inside)
  const errors = read(error, "errors")
  if (Array.isArray(errors)) {
    json["errors"] = errors.slice(0, bounds.errors).map((one: unknown) => related(one, budget, causes, inside))
  }
  const stack = framesOf(textOf(read(error, "stack")))
  if (stack.length > 0) json["stack"] = stack
  return json
}

/** A cause, or one of several errors. */
const related = (value: unknown, budget: Budget, causes: number, around: ReadonlyArray<object>): Json => {
  if (!isError(value)) return valueJson(value, budget, bounds.levels, around)
  if (around.includes(value)) return "(the same error again)"
  return causes <= 1 || budget.left <= 0
    ? brief(`${textOf(read(value, "name"))}: ${textOf(read(value, "message"))}`, bounds.text)
    : errorJson(value, budget, causes - 1, around)
}

const valueJson = (value: unknown, budget: Budget, levels: number, around: ReadonlyArray<object>): Json =>
  attempt(() => readJson(value, budget, levels, around))

const readJson = (value: unknown, budget: Budget, levels: number, around: ReadonlyArray<object>): Json => {
  switch (typeof value) {
    case "string": {
      const text = brief(value, bounds.text)
      budget.left -= text.length
      return text
    }
    case "number":
      return Number.isFinite(value) ? value === 0 ? 0 : value : `${value}`
    case "boolean":
      return value
    case "undefined":
      return null
    case "bigint":
      return brief(`${value}n`, bounds.text)
    case "symbol":
    case "function":
      return `(a ${typeof value})`
  }
  if (typeof value !== "object" || value === null) return null
  budget.left -= 4
  if (Redacted.isRedacted(value)) return textOf(value)
  if (around.includes(value)) return "(the same again)"
  if (isError(value)) return related(value, budget, 2, around)
  const inside = [...around, value]
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `(${value.byteLength} bytes)`
  const toJson = read(value, "toJSON")
  if (typeof toJson === "function") {
    const json = attempt(() => toJson.call(value) as unknown)
    return json === value || isRecord(json) && typeof json["toJSON"] === "function"
      ? "(an object)"
      : valueJson(json, budget, levels, inside)
  }
  if (levels <= 0 || budget.left <= 0) return Array.isArray(value) ? `(a list of ${value.length})` : "(an object)"
  if (Array.isArray(value)) {
    const items = value.slice(0, bounds.items).map((item: unknown) => valueJson(item, budget, levels - 1, inside))
    return value.length > bounds.items ? [...items, `(${value.length - bounds.items} more)`] : items
  }
  const told = tellingText(value)
  if (told !== undefined) return brief(told, bounds.text)
  const json: Record<string, Json> = {}
  const keys = keysOf(value)
  for (const key of keys.slice(0, bounds.fields)) {
    const member = read(value, key)
    if (member === undefined || typeof member === "function" || key.startsWith("~")) continue
    budget.left -= key.length
    set(json, key, valueJson(member, budget, levels - 1, inside))
  }
  if (keys.length > bounds.fields) json["…"] = `(${keys.length - bounds.fields} more)`
  return json
}

/** What an object says of itself, where it or its class has words for it. */
const tellingText = (value: object): string | undefined => {
  const toText = read(value, "toString")
  return typeof toText === "function" && toText !== Object.prototype.toString ? textOf(value) : undefined
}

const known: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "errors"])

/** Whether it is an error, of whatever realm. */
export const isError = (value: unknown): value is Error =>
  attempt(() => value instanceof Error || Object.prototype.toString.call(value) === "[object Error]") === true

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A name of its own, whatever it is. */
const set = (json: Record<string, Json>, key: string, value: Json): void => {
  Object.defineProperty(json, brief(key, 200), { value, configurable: true, writable: true, enumerable: true })
}

/** What it gives; what it throws where it throws, as a text. */
const attempt = <A>(get: () => A): A | string => {
  try {
    return get()
  } catch {
    return "(it cannot be read)"
  }
}

const read = (value: object, key: string): unknown => attempt(() => Reflect.get(value, key) as unknown)

const keysOf = (value: object): ReadonlyArray<string> => {
  const keys = attempt(() => Object.keys(value))
  return typeof keys === "string" ? [] : keys
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : attempt(() => String(value))

const brief = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text

// ----------------------------------------------------------------------------
// where it was thrown
// ----------------------------------------------------------------------------

/** The folder of the packages that this one is part of. */
const packages = attempt(() => decodeURIComponent(new URL("../../", import.meta.url).pathname))

const process = (globalThis as { readonly process?: { cwd?(): string } }).process

/** Places of the program, the last first: relative to the folder in which it runs, without those of the engine and of what carries it. */
const framesOf = (stack: string): ReadonlyArray<string> => {
  const frames: Array<string> = []
  const folder = attempt(() => process?.cwd?.() ?? "")
  for (const line of stack.slice(0, 20_000).split("\n")) {
    const at = /^\s+at (?:(.*) \()?(.+?):(\d+):(\d+)\)?$/.exec(line)
    if (at === null) continue
    const [, where, place = "", row, column] = at
    const file = placeOf(place, folder)
    if (file === undefined) continue
    // Functions that Effect names for itself say nothing of the program.
    const named = where === undefined || /^~effect|^(?:async )?\S*\.~effect|^file:/.test(where) ? undefined : where
    frames.push(brief(named === undefined ? `${file}:${row}:${column}` : `${named} (${file}:${row}:${column})`, 300))
    if (frames.length === bounds.frames) break
  }
  return frames
}

/** The file as people of the project know it; undefined for what is not theirs. */
const placeOf = (place: string, folder: string): string | undefined => {
  if (/^(?:node:|internal\/|native$|evalmachine|<|wasm:)/.test(place)) return undefined
  const path = place.startsWith("file://") ? attempt(() => decodeURIComponent(new URL(place).pathname)) : place
  if (/(?:^|\/)node_modules\/(?:effect|@effect|@fermata)\//.test(path)) return undefined
  if (path.startsWith(packages) && /^[^/]+\/(?:src|dist|bin)\//.test(path.slice(packages.length))) return undefined
  if (folder !== "" && path.startsWith(`${folder}/`)) return path.slice(folder.length + 1)
  if (!path.startsWith("/") && !/^[A-Za-z]:[\\/]/.test(path)) return path
  const dependency = path.lastIndexOf("/node_modules/")
  return dependency >= 0 ? path.slice(dependency + 1) : `…/${path.split(/[\\/]/).slice(-2).join("/")}`
}
