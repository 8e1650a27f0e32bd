/**
 * The one place where values become stored text.
 *
 * A value is made text once, where it is handed over, and from then on the text
 * is what counts: it is what is stored, and everybody who looks at the value is
 * given one that was made from it. So nobody can change what is recorded, and
 * what a program is given at once is what it is given after a restart.
 *
 * What JSON cannot hold, or would change in silence, is refused with its place.
 * The kinds are a table in the engine's DESIGN.md.
 */
import * as Result from "effect/Result"

/** How many levels of lists and objects a stored value may have. `JSON.stringify` itself gives up, at an unknown place, between 3,000 and 5,000. */
export const maxDepth = 1_000

/** How many characters the text of a stored value may have: 16 Mi. */
export const maxLength = 16 * 1024 * 1024

/** Why a value cannot be stored, and where. */
export class Unstorable {
  readonly _tag = "Unstorable"
  /** The place in the value, such as `orders[2].id`; empty for the value itself. */
  readonly path: string
  /** What is there, such as `the bigint 10n`. */
  readonly found: string
  /** What would be right. */
  readonly wanted: string

  constructor(path: string, found: string, wanted: string) {
    this.path = path
    this.found = found
    this.wanted = wanted
  }

  /** The reason as the end of a sentence: `it has the bigint 10n at "id"; give …`. */
  get reason(): string {
    return `${this.path === "" ? "it is" : `at ${quote(this.path)} it has`} ${this.found}; ${this.wanted}`
  }
}

const unread = Symbol()

/** A value as the text that is stored. */
export class StoredJson {
  readonly text: string
  /** A value made from the text that nobody else holds. */
  private spare: unknown

  constructor(text: string, spare: unknown = unread) {
    this.text = text
    this.spare = spare
  }

  /** The value, made anew for each caller. */
  read(): unknown {
    const { spare } = this
    if (spare === unread) return JSON.parse(this.text)
    if (typeof spare === "object" && spare !== null) this.spare = unread
    return spare
  }

  /** So that it is never stored as anything but its value. */
  toJSON(): unknown {
    return JSON.parse(this.text)
  }
}

/** The stored form of nothing: null. */
export const nothing = new StoredJson("null", null)

/** Makes a value text, or says why it cannot be. Never throws. */
export const of = (value: unknown): Result.Result<StoredJson, Unstorable> => {
  const made = make(value)
  return made instanceof StoredJson ? Result.succeed(made) : Result.fail(made)
}

/** As `of`, for a value that was parsed from JSON just now and that nobody else holds: its first reader gets it as it is. */
export const ofParsed = (value: unknown): Result.Result<StoredJson, Unstorable> =>
  Result.map(
    of(value),
    (stored) => typeof value === "object" && value !== null ? new StoredJson(stored.text, value) : stored
  )

/** An object of parts. Those that are text already stay so; the others are the caller's own plain data; undefined is left out. */
export const compose = (parts: Readonly<Record<string, unknown>>): StoredJson => {
  let text = ""
  for (const name in parts) {
    const part = parts[name]
    if (part !== undefined) text += `${text === "" ? "{" : ","}${JSON.stringify(name)}:${textOf(part)}`
  }
  return new StoredJson(text === "" ? "{}" : `${text}}`)
}

/** A list of parts, as `compose`. */
export const list = (parts: ReadonlyArray<unknown>): StoredJson => new StoredJson(`[${parts.map(textOf).join(",")}]`)

/** The value of what may be stored text, for the one who is to have it. */
export const read = (value: unknown): unknown => value instanceof StoredJson ? value.read() : value

/** The value of what may be stored text, apart from whoever else has it. What is no stored text must be JSON. */
export const copy = (value: unknown): unknown =>
  value instanceof StoredJson
    ? value.read()
    : typeof value === "object" && value !== null
    ? JSON.parse(JSON.stringify(value))
    : value

/** The text of plain data that the caller has made itself, with what is stored text already spliced in. */
export const textOf = (value: unknown): string =>
  Number.isInteger(value) && value !== 0
    ? `${value}`
    : value instanceof StoredJson
    ? value.text
    : JSON.stringify(value) ?? "null"

/**
 * Whether a value is known, without its text being made, to be stored as what
 * was parsed from `recorded`. Where this is false, the text has to tell.
 */
export const isStoredAs = (recorded: unknown, value: unknown): boolean => {
  try {
    return isSame(recorded, value)
  } catch {
    return false
  }
}

/** A text in quotes, for people. */
export const quote = (text: string): string => JSON.stringify(text)

/** A value for people, in at most so many characters. Whatever the value is, this never throws. */
export const show = (value: unknown, most = 120): string => {
  const made = value === undefined ? undefined : make(value)
  const text = made === undefined ? "nothing" : made instanceof StoredJson ? made.text : made.found
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

/** JSON that was recorded, for people, in at most so many characters. Shorter than `show`, for pages: it does not say of other values what they are. */
export const showRecorded = (json: unknown, most: number): string => {
  let text: string | undefined
  try {
    text = JSON.stringify(json)
  } catch {
    text = String(json)
  }
  text ??= "nothing"
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Scalar = string | number | boolean | null

type Members = Readonly<Record<string, unknown>>

const make = (value: unknown): StoredJson | Unstorable => {
  try {
    if (typeof value !== "object" || value === null) {
      return isStorable(value) ? scalar(value as Scalar) : explain(value)
    }
    if (value instanceof StoredJson) return value
    if (!isStorable(value)) return explain(value)
    const text = JSON.stringify(value)
    return text.length > maxLength ? tooLong(text.length) : new StoredJson(text)
  } catch (error) {
    return new Unstorable("", `a value that cannot be looked at (${said(error)})`, wantsPlain)
  }
}

/** JSON has no -0, so nobody is given one. */
const scalar = (value: Scalar): StoredJson => new StoredJson(JSON.stringify(value), value === 0 ? 0 : value)

/** Characters that are left, at least, for what has yet to be looked at. */
let room = 0

const isSame = (recorded: unknown, value: unknown): boolean => {
  if (typeof recorded !== "object" || recorded === null) return recorded === value
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(recorded)) {
    if (prototype !== Array.prototype || (value as ReadonlyArray<unknown>).length !== recorded.length) return false
    for (let index = 0; index < recorded.length; index++) {
      if (!isSame(recorded[index], (value as ReadonlyArray<unknown>)[index])) return false
    }
    return !hasNames(value as ReadonlyArray<unknown>)
  }
  if (prototype !== Object.prototype && prototype !== null) return false
  if (typeof (value as Members)["toJSON"] === "function") return false
  let members = 0
  for (const key in recorded) {
    members++
    if (!isSame((recorded as Members)[key], (value as Members)[key])) return false
  }
  for (const key in value) if ((value as Members)[key] !== undefined) members--
  return members === 0 && Object.getOwnPropertySymbols(value).length === 0
}

const isStorable = (value: unknown): boolean => {
  room = maxLength
  return fits(value, maxDepth)
}

/** A look at the value that only says whether it is storable, since it is taken at every step. */
const fits = (value: unknown, depth: number): boolean => {
  switch (typeof value) {
    case "string":
      room -= value.length + 2
      return room >= 0
    case "number":
      room -= 2
      return room >= 0 && Number.isFinite(value)
    case "boolean":
      room -= 5
      return room >= 0
    case "object":
      break
    default:
      return false
  }
  room -= 2
  if (room < 0) return false
  if (value === null) return true
  if (depth === 0) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    if (prototype !== Array.prototype && !isForeign(prototype)) return false
    for (let index = 0; index < value.length; index++) if (!fits(value[index], depth - 1)) return false
    return !hasNames(value)
  }
  if (prototype !== Object.prototype && prototype !== null && !isForeign(prototype)) return false
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function") return false
  for (const key in value) {
    const member = (value as Readonly<Record<string, unknown>>)[key]
    if (member === undefined) continue
    room -= key.length + 3
    if (!fits(member, depth - 1)) return false
  }
  return Object.getOwnPropertySymbols(value).length === 0
}

/** Whether it is what objects or lists of another realm are made of. */
const isForeign = (prototype: unknown): boolean => {
  if (typeof prototype !== "object" || prototype === null) return false
  const base: unknown = Array.isArray(prototype) ? Object.getPrototypeOf(prototype) : prototype
  return typeof base === "object" && base !== null && Object.getPrototypeOf(base) === null &&
    Object.hasOwn(base, "hasOwnProperty")
}

/** Of longer lists, members beside the items are not looked for: that would cost more than the text. */
const mostItemsLookedAt = 1_000

/** Whether a list has members beside its items, as the result of a match has. */
const hasNames = (list: ReadonlyArray<unknown>): boolean =>
  list.length <= mostItemsLookedAt && Object.keys(list).length !== list.length

const wantsPlain = "give plain data: texts, finite numbers, booleans, null, and lists and objects of these"

const withSchema = (schema: string) =>
  `give its parts as plain data, or use a schema that makes JSON of it, such as ${schema}`

/** A count with commas; the functions of `Intl` take 30 ms to load at the start of every process. */
const figure = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, ",")

const wantsLess = `a stored value has at most ${
  figure(maxLength)
} characters of JSON; store it elsewhere, and give its name`

const tooLong = (length: number) => new Unstorable("", `a value of ${figure(length)} characters`, wantsLess)

/** The first thing in a value that cannot be stored. */
const explain = (value: unknown): Unstorable => {
  room = maxLength
  return find(value, [], []) ?? new Unstorable("", `a value of more than ${figure(maxLength)} characters`, wantsLess)
}

/** `path` leads to the value, and `around` are the lists and objects on the way. */
const find = (value: unknown, path: Array<string | number>, around: Array<object>): Unstorable | undefined => {
  const at = (found: string, wanted: string) => new Unstorable(render(path), found, wanted)
  room -= 2
  if (typeof value === "string") room -= value.length
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined
  if (typeof value === "number") {
    return Number.isFinite(value)
      ? undefined
      : at(`the number ${value}`, "give a finite number or null, or use the schema Schema.Number")
  }
  if (typeof value === "bigint") {
    return at(`the bigint ${short(`${value}`)}n`, "give it as text, or use the schema Schema.BigInt")
  }
  if (value === undefined) {
    return at(typeof path.at(-1) === "number" ? "undefined in a list" : "undefined", "give null, or leave it out")
  }
  if (typeof value !== "object") return at(`a ${typeof value}`, wantsPlain)
  const ring = around.indexOf(value)
  if (ring >= 0) {
    const whole = ring === 0 ? "the value itself" : `what is at ${quote(render(path.slice(0, ring)))}`
    return at(`${whole} again, in a circle`, "give each thing once, and name it elsewhere by an id")
  }
  if (path.length >= maxDepth) {
    return new Unstorable(
      `${render(path.slice(0, 8))}…`,
      `more than ${figure(maxDepth)} levels of lists and objects`,
      "give a flatter value, such as a list whose items name each other by id"
    )
  }
  const known = kindOf(value)
  if (known !== undefined) return at(...known)
  around.push(value)
  const problem = findInside(value, path, around)
  around.pop()
  return problem
}

const findInside = (value: object, path: Array<string | number>, around: Array<object>): Unstorable | undefined => {
  const at = (found: string, wanted: string) => new Unstorable(render(path), found, wanted)
  const inMember = (key: string | number, member: unknown): Unstorable | undefined => {
    path.push(key)
    const problem = Array.isArray(value) && !(key in value)
      ? at("a hole in a list", "give null, or leave it out")
      : find(member, path, around)
    path.pop()
    return problem
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (room < 0) return undefined
      const problem = inMember(index, value[index])
      if (problem !== undefined) return problem
    }
    const name = hasNames(value) ? Object.keys(value).find((key) => !/^\d+$/.test(key)) : undefined
    return name === undefined
      ? undefined
      : at(`a list with the member ${quote(short(name))}`, "give a list without members beside its items")
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    if (room < 0) return undefined
    room -= key.length
    const problem = inMember(key, member)
    if (problem !== undefined) return problem
  }
  const [symbol] = Object.getOwnPropertySymbols(value)
  return symbol === undefined ? undefined : at(`a member under ${String(symbol)}`, "give members under texts only")
}

const kinds: ReadonlyArray<readonly [string, string]> = [
  ["Date", "Schema.Date"],
  ["Map", "Schema.ReadonlyMap"],
  ["Set", "Schema.ReadonlySet"],
  ["Uint8Array", "Schema.Uint8Array"],
  ["URL", "Schema.URL"],
  ["RegExp", "Schema.RegExp"],
  ["Error", "Schema.Defect()"]
]

/** What a value is that is no plain list or object. */
const kindOf = (value: object): readonly [found: string, wanted: string] | undefined => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (value instanceof Error) return [`an error (${short(said(value))})`, withSchema("Schema.Defect()")]
  if (prototype !== null && prototype !== Object.prototype && prototype !== Array.prototype && !isForeign(prototype)) {
    const name = nameOf(value)
    const schema = kinds.find(([kind]) => kind === name)?.[1]
    return [
      `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`,
      schema === undefined ? withSchema("Schema.Class") : withSchema(schema)
    ]
  }
  if (!Array.isArray(value) && typeof (value as { readonly toJSON?: unknown }).toJSON === "function") {
    return ["an object with a function toJSON", "give what toJSON would return"]
  }
  return undefined
}

const nameOf = (value: object): string => {
  const made: unknown = value.constructor
  return typeof made === "function" && made.name !== "" && made.name !== "Object" ? made.name : "object of a class"
}

const said = (error: unknown): string => {
  try {
    return error instanceof Error ? error.message || error.name : String(error)
  } catch {
    return "it says nothing"
  }
}

const short = (text: string): string => text.length > 60 ? `${text.slice(0, 57)}...` : text

const render = (path: ReadonlyArray<string | number>): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`
    if (!/^[A-Za-z_$][A-Za-z0-9_$-]*$/.test(key)) return `${text}[${quote(short(key))}]`
    return text === "" ? key : `${text}.${key}`
  }, "")
