/**
 * Finds the `{{ expression }}` parts of a text.
 */
import * as Result from "effect/Result"

/** A part of a template: text as it is, or an expression and where it begins. */
export type Part =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "expression"; readonly source: string; readonly offset: number }

/** A `{{` without its `}}`. */
export interface Unclosed {
  readonly position: number
}

/** Whether a text has anything to evaluate. */
export const isTemplate = (text: string): boolean => text.includes("{{")

/** Cuts a template into its parts. Braces, quotes, comments and regular expressions inside an expression are its own. */
export const parse = (text: string): Result.Result<ReadonlyArray<Part>, Unclosed> => {
  const parts: Array<Part> = []
  let at = 0
  for (;;) {
    const open = text.indexOf("{{", at)
    if (open !== at && at < text.length) parts.push({ is: "text", text: text.slice(at, open < 0 ? text.length : open) })
    if (open < 0) return Result.succeed(parts)
    const close = closing(text, open + 2)
    if (close === undefined) return Result.fail({ position: open })
    parts.push({ is: "expression", source: text.slice(open + 2, close), offset: open + 2 })
    at = close + 2
  }
}

/** The expression of a text that may have `{{ }}` around it. */
export const unwrap = (text: string): { readonly source: string; readonly offset: number } => {
  const start = text.length - text.trimStart().length
  if (!text.startsWith("{{", start)) return { source: text, offset: 0 }
  const parts = parse(text.trim())
  const part = Result.isSuccess(parts) && parts.success.length === 1 ? parts.success[0] : undefined
  return part?.is === "expression"
    ? { source: part.source, offset: part.offset + start }
    : { source: text, offset: 0 }
}

// ---------------------------------------------------------------- internal

/** Where the `}}` is that ends the expression which begins at `from`. */
const closing = (text: string, from: number): number | undefined => {
  let depth = 0
  let previous = ""
  for (let at = from; at < text.length; at++) {
    const character = text[at] as string
    if (character === "\"" || character === "'" || character === "`") at = endOf(text, at, character)
    else if (text.startsWith("/*", at)) at = skipTo(text, "*/", at + 2) + 1
    else if (character === "/" && beginsRegExp(previous)) at = endOf(text, at, "/")
    else if (character === "{") depth++
    else if (character === "}" && depth > 0) depth--
    else if (character === "}" && text[at + 1] === "}") return at
    if (character.trim() !== "") previous = character
  }
  return undefined
}

/** The place of the closing quote, past escaped ones; the end of the text when there is none. */
const endOf = (text: string, from: number, quote: string): number => {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\" && quote !== "`") at++
    else if (text[at] === quote) return at
  }
  return text.length
}

const skipTo = (text: string, end: string, from: number): number => {
  const found = text.indexOf(end, from)
  return found < 0 ? text.length : found
}

/** Whether a `/` after this character begins a regular expression and does not divide. */
const beginsRegExp = (previous: string): boolean => previous === "" || "([{,;:=~|&?<>!*+-%^.".includes(previous)
