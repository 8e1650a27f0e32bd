/**
 * Parses JSON and says where a mistake is, which `JSON.parse` does not always.
 */

export type Parsed =
  | { readonly _tag: "Json"; readonly value: unknown }
  /** `offset` counts from 0; `line` and `column` from 1. */
  | {
    readonly _tag: "Mistake"
    readonly problem: string
    readonly offset: number
    readonly line: number
    readonly column: number
  }

/** The value of a JSON text, or its first mistake. Never throws. A byte order mark is passed over. */
export const parse = (source: string): Parsed => {
  const text = source.startsWith("\uFEFF") ? source.slice(1) : source
  try {
    return { _tag: "Json", value: JSON.parse(text) }
  } catch {
    const offset = mistakeAt(text)
    const before = text.slice(0, offset).split("\n")
    return {
      _tag: "Mistake",
      problem: offset >= text.length ? text.trim() === "" ? "the text is empty" : "the text ends too early" : `unexpected ${shown(text, offset)}`,
      offset,
      line: before.length,
      column: before.at(-1)!.length + 1
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const shown = (text: string, offset: number): string => JSON.stringify(String.fromCodePoint(text.codePointAt(offset)!))

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
