/**
 * The forms in which what a secret says comes back: as it is, and inside JSON,
 * an address, a form, a page or base64, such as a header of a request.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Base64 from "effect/encoding/Base64"

/** Shorter texts are not looked for: they would be found in everything. */
export const shortest = 4

/** JSON in JSON doubles them each time. More levels are not looked for, so that a text of nothing else takes no longer than others. */
const mostSlashes = 16
const slashes = `\\\\{1,${mostSlashes}}`

/** Also where an address was made part of another one. */
const percentSign = "%(?:25){0,4}"

/** So many characters of base64 that follow from a text alone tell it from others. */
const enough = 8

/**
 * The source of a regular expression, without groups that capture, that finds
 * the text in each of its forms. Each of its characters may be written in its
 * own way, since servers do not agree on what they escape.
 */
export const sourceOf = (text: string): string => [plainSource(text), ...base64Sources(text)].join("|")

/** The forms that are looked for where a text was broken off. */
export const writtenOut = (text: string): ReadonlyArray<string> => [
  ...new Set([text, StoredJson.quote(text).slice(1, -1), encoded(text), Base64.encode(text).replace(/=+$/, "")])
]

/** Whether base64 in which the text stands behind other bytes can only be found by reading it. */
export const isShortInBase64 = (text: string): boolean => base64Inside(text, 1) === undefined

// ----------------------------------------------------------------------------
// as text
// ----------------------------------------------------------------------------

const plainSource = (text: string): string => {
  let source = ""
  for (const part of text.match(/\\+|[^\\]/gsu) ?? []) {
    source += part.startsWith("\\")
      ? `(?:\\\\{${part.length},${part.length * mostSlashes}}|(?:${percentSign}5[cC]){${part.length}})`
      : characterSource(part)
  }
  return source
}

const characterSource = (character: string): string => {
  if (/^[A-Za-z0-9]$/.test(character)) return character
  const forms = [
    literal(character),
    percent(character),
    Array.from(units(character), (unit) => `${slashes}u${anyCase(unit)}`).join("")
  ]
  const short = escapes[character]
  if (short !== undefined) forms.push(slashes + literal(short))
  if (character === " ") forms.push("\\+")
  const entities = inPages[character]
  if (entities !== undefined) forms.push(`&(?:amp;){0,3}(?:${entities});`)
  return `(?:${forms.join("|")})`
}

/** In JSON. */
const escapes: Readonly<Record<string, string>> = {
  "\"": "\"",
  "/": "/",
  "\n": "n",
  "\r": "r",
  "\t": "t",
  "\b": "b",
  "\f": "f"
}

const inPages: Readonly<Record<string, string>> = {
  "&": "amp|#38",
  "<": "lt|#60",
  ">": "gt|#62",
  "\"": "quot|#34",
  "'": "apos|#39|#x27"
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

const anyCase = (hex: string): string =>
  hex.replaceAll(/[a-f]/gi, (digit) => `[${digit.toLowerCase()}${digit.toUpperCase()}]`)

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0")

const percent = (character: string): string =>
  Array.from(bytes.encode(character), (byte) => percentSign + anyCase(hex(byte, 2))).join("")

function* units(character: string): Iterable<string> {
  for (let index = 0; index < character.length; index++) yield hex(character.charCodeAt(index), 4)
}

const bytes = new TextEncoder()

/** As in an address. A half of a character has no such form. */
const encoded = (text: string): string => {
  try {
    return encodeURIComponent(text)
  } catch {
    return text
  }
}

// ----------------------------------------------------------------------------
// in base64
// ----------------------------------------------------------------------------

const digit = "[A-Za-z0-9+/_-]"

const base64Sources = (text: string): ReadonlyArray<string> => {
  const inside = [0, 1, 2].flatMap((offset) => base64Inside(text, offset) ?? [])
  const alone = Base64.encode(text).replace(/=+$/, "")
  return inside.length === 3
    ? inside
    : [...inside, `(?<!${digit})${digits(alone)}={0,2}(?!${digit})`]
}

/**
 * Where the text begins so many bytes (modulo 3) behind the beginning of the
 * encoded: the digits that follow from it alone, and its parts of the digits
 * beside them. Undefined where those are too few.
 */
const base64Inside = (text: string, offset: number): string | undefined => {
  const content = bytes.encode(text)
  const whole = new Uint8Array(offset + content.length)
  whole.set(content, offset)
  const [begin, end] = [8 * offset, 8 * whole.length]
  const core = Base64.encode(whole).slice(Math.ceil(begin / 6), Math.floor(end / 6))
  if (core.length < enough) return undefined
  return `${begin % 6 === 0 ? "" : `${digit}?`}${digits(core)}${end % 6 === 0 ? "" : `${digit}?={0,2}`}`
}

/** Also of base64 for addresses, and where it is part of JSON or of an address. */
const digits = (base64: string): string =>
  base64.replaceAll(/[+/]/g, (sign) => sign === "+" ? "(?:[+-]|%2[bB])" : "(?:\\\\{0,16}/|_|%2[fF])")
