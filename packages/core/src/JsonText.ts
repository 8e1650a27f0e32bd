/**
 * Reads JSON that people give: says where a mistake is, which `JSON.parse` does
 * not always, and refuses what would become something else without a word.
 */
import * as JsonNumber from "./JsonNumber.ts"
import { maxDepth, maxLength } from "./StoredJson.ts"
import * as StoredJson from "./StoredJson.ts"

/** A place in a text. `offset` counts from 0; `line` and `column` from 1. */
export interface Place {
  readonly offset: number
  readonly line: number
  readonly column: number
}

/** Something that would not be what it says: a number that changes, a name that stands twice. */
export interface Loss extends Place {
  /** What it is and what would be right, as a clause. */
  readonly problem: string
  /** The names and indexes that lead to it. */
  readonly path: ReadonlyArray<string | number>
}

/** What a JSON text holds, or what is wrong with it and where. */
export type Parsed =
  | { readonly _tag: "Json"; readonly value: unknown }
  /** JSON, and `value` is not what it says. At most {@link mostLosses} are listed. */
  | { readonly _tag: "Lossy"; readonly value: unknown; readonly losses: readonly [Loss, ...ReadonlyArray<Loss>] }
  | ({ readonly _tag: "Mistake"; readonly problem: string } & Place)

/** How many losses of one text are told. */
export const mostLosses = 20

/**
 * The value of a JSON text, or what is wrong with it. Never throws. A byte order
 * mark is passed over. Integers beyond 2^53, numbers that overflow or become 0,
 * names that stand twice in one object or are `__proto__`, and values that are
 * deeper or longer than what can be stored are losses; rounded decimals are none.
 */
export const parse = (source: string): Parsed => {
  const text = source.startsWith("\uFEFF") ? source.slice(1) : source
  if (text.length > maxLength) {
    const problem = `it is longer than ${
      maxLength.toLocaleString("en")
    } characters; give a reference to where it is kept`
    return {
      _tag: "Lossy",
      value: undefined,
      losses: [{ problem, path: [], offset: maxLength, ...lineOf(text, maxLength) }]
    }
  }
  try {
    const value: unknown = JSON.parse(text)
    const [first, ...more] = lossesOf(text)
    return first === undefined ? { _tag: "Json", value } : { _tag: "Lossy", value, losses: [first, ...more] }
  } catch {
    const offset = mistakeAt(text)
    return {
      _tag: "Mistake",
      problem: offset >= text.length
        ? text.trim() === "" ? "the text is empty" : "the text ends too early"
        : `unexpected ${shown(text, offset)}`,
      offset,
      ...lineOf(text, offset)
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lineOf = (text: string, offset: number): Pick<Place, "line" | "column"> => {
  let line = 1
  let start = 0
  for (let end = text.indexOf("\n"); end >= 0 && end < offset; end = text.indexOf("\n", start)) {
    line++
    start = end + 1
  }
  return { line, column: offset - start + 1 }
}

interface Open {
  /** The names of an object so far, with where they stand; undefined for a list. */
  readonly names: Map<string, number> | undefined
  key: string | number
}

const numberAt = /-?[\d.eE+-]+/y

/** What a valid text says and its value does not. */
const lossesOf = (text: string): ReadonlyArray<Loss> => {
  const losses: Array<Loss> = []
  const open: Array<Open> = []
  const add = (problem: string, offset: number) => {
    losses.push({ problem, path: open.map(({ key }) => key), offset, ...lineOf(text, offset) })
  }
  /** Whether a string that begins here is a name. */
  let isName = false
  for (let at = 0; at < text.length && losses.length < mostLosses;) {
    const character = text[at]!
    const inside = open.at(-1)
    switch (character) {
      case "{":
      case "[":
        if (open.length === maxDepth) {
          add(`it has more than ${maxDepth.toLocaleString("en")} levels of lists and objects`, at)
          return losses
        }
        open.push({ names: character === "{" ? new Map() : undefined, key: character === "{" ? "" : 0 })
        isName = character === "{"
        at++
        break
      case "}":
      case "]":
        open.pop()
        isName = false
        at++
        break
      case ",":
        if (inside?.names === undefined) (inside!.key as number)++
        else isName = true
        at++
        break
      case "\"": {
        const end = endOfString(text, at)
        if (isName && inside?.names !== undefined) {
          const name = nameOf(text.slice(at, end))
          inside.key = name
          const before = inside.names.get(name)
          if (before !== undefined) {
            add(
              `the name ${brief(name)} stands there twice, first at ${
                whereOf(text, before)
              }; only the last would count`,
              at
            )
          } else if (name === "__proto__") {
            add(`the name "__proto__" is not kept by everything that reads JSON; choose another`, at)
          }
          inside.names.set(name, at)
          isName = false
        }
        at = end
        break
      }
      default:
        if (character === "-" || (character >= "0" && character <= "9")) {
          numberAt.lastIndex = at
          numberAt.test(text)
          const problem = JsonNumber.problemOf(text.slice(at, numberAt.lastIndex))
          if (problem !== undefined) add(problem, at)
          at = numberAt.lastIndex
        } else at++
    }
  }
  return losses
}

const whereOf = (text: string, offset: number): string => {
  const { column, line } = lineOf(text, offset)
  return `line ${line}, column ${column}`
}

const brief = (name: string): string => StoredJson.quote(name.length > 60 ? `${name.slice(0, 57)}...` : name)

const nameOf = (text: string): string => text.includes("\\") ? JSON.parse(text) as string : text.slice(1, -1)

/** Behind the quote that ends the string which begins here. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf("\"", start + 1);; end = text.indexOf("\"", end + 1)) {
    let slashes = 0
    while (text[end - 1 - slashes] === "\\") slashes++
    if (slashes % 2 === 0) return end + 1
  }
}

const shown = (text: string, offset: number): string =>
  StoredJson.quote(String.fromCodePoint(text.codePointAt(offset)!))

const space = /[ \t\n\r]*/y
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
// oxlint-disable-next-line no-control-regex
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
// oxlint-disable-next-line no-control-regex
const openString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y

/** The offset of the first character that no JSON text could have there. Keeps its own stack, so depth is no limit. */
const mistakeAt = (text: string): number => {
  let at = 0
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    if (!pattern.test(text)) return false
    at = pattern.lastIndex
    return true
  }
  const takeString = (): boolean => {
    if (take(string)) return true
    take(openString)
    return false
  }
  const open: Array<"]" | "}"> = []
  /** `value`: one must follow. `key`: a name must follow. `end`: a value has just ended. */
  let state: "value" | "key" | "end" = "value"
  let first = false
  while (true) {
    take(space)
    const character = text[at]
    if (state === "end") {
      const close = open.at(-1)
      if (close === undefined) return at
      if (character === close) {
        open.pop()
        at++
      } else if (character === ",") {
        at++
        first = false
        state = close === "}" ? "key" : "value"
      } else return at
    } else if (state === "key") {
      if (character === "}" && first) {
        open.pop()
        at++
        state = "end"
      } else {
        if (!takeString()) return at
        take(space)
        if (text[at] !== ":") return at
        at++
        first = false
        state = "value"
      }
    } else if (character === "]" && first) {
      open.pop()
      at++
      first = false
      state = "end"
    } else if (character === "{" || character === "[") {
      at++
      open.push(character === "{" ? "}" : "]")
      first = true
      state = character === "{" ? "key" : "value"
    } else {
      if (!(character === "\"" ? takeString() : take(scalar))) return literalMistake(text, at)
      first = false
      state = "end"
    }
  }
}

/** Where a broken `true`, `false` or `null` goes wrong; else the place itself. */
const literalMistake = (text: string, at: number): number => {
  for (const word of ["true", "false", "null"]) {
    if (text[at] !== word[0]) continue
    let length = 1
    while (length < word.length && text[at + length] === word[length]) length++
    return at + length
  }
  return at
}
