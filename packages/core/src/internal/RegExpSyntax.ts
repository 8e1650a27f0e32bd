/**
 * The syntax of regular expressions, as far as they can be matched in linear
 * time. The caller has made sure that JavaScript takes the pattern.
 */

/** A pattern that this engine does not take; `message` says which part. */
export class UnsupportedPattern extends Error {
  override readonly name = "UnsupportedPattern"
}

/** Characters by ranges of UTF-16 code units, or all others. */
export interface CharacterSet {
  readonly ranges: ReadonlyArray<readonly [number, number]>
  readonly negated: boolean
}

/** A condition on a place in the text. */
export type Assertion = "start" | "end" | "word" | "not-word"

/** A part of a pattern. */
export type Node =
  | { readonly is: "set"; readonly set: CharacterSet }
  | { readonly is: "assert"; readonly what: Assertion }
  | { readonly is: "sequence"; readonly items: ReadonlyArray<Node> }
  | { readonly is: "choice"; readonly options: ReadonlyArray<Node> }
  | { readonly is: "group"; readonly index: number; readonly node: Node }
  | {
    readonly is: "repeat"
    readonly node: Node
    readonly min: number
    readonly max: number
    readonly greedy: boolean
    /** The groups inside, which each round forgets. */
    readonly groups: readonly [from: number, to: number]
  }

const digits: CharacterSet["ranges"] = [[0x30, 0x39]]
/** The characters of `\\w`. */
export const words: CharacterSet["ranges"] = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
const spaces: CharacterSet["ranges"] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff]
]
/** The characters that end a line. */
export const lineEnds: CharacterSet["ranges"] = [[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]
const classes: Readonly<Record<string, CharacterSet>> = {
  d: { ranges: digits, negated: false },
  D: { ranges: digits, negated: true },
  w: { ranges: words, negated: false },
  W: { ranges: words, negated: true },
  s: { ranges: spaces, negated: false },
  S: { ranges: spaces, negated: true }
}
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, "0": 0 }

/** Parses a pattern and counts its groups; throws `UnsupportedPattern`. */
export const parse = (source: string): { readonly node: Node; readonly groups: number } => {
  let at = 0
  let groups = 0
  let depth = 0
  const fail = (what: string): never => {
    throw new UnsupportedPattern(`${what} in the regular expression /${source.slice(0, 60)}/ cannot be used here`)
  }
  const take = (text: string): boolean => {
    const taken = source.startsWith(text, at)
    if (taken) at += text.length
    return taken
  }

  const choice = (): Node => {
    if (++depth > 100) fail("a nesting of more than 100 groups")
    const options = [sequence()]
    while (take("|")) options.push(sequence())
    depth--
    return options.length === 1 ? options[0] as Node : { is: "choice", options }
  }

  const sequence = (): Node => {
    const items: Array<Node> = []
    while (at < source.length && source[at] !== "|" && source[at] !== ")") items.push(repeated())
    return items.length === 1 ? items[0] as Node : { is: "sequence", items }
  }

  const repeated = (): Node => {
    const before = groups
    const node = atom()
    const bounds = quantifier()
    if (bounds === undefined) return node
    const greedy = !take("?")
    const { max, min } = bounds
    if (max > min && isNullable(node)) fail("a repetition of something that can be empty")
    return { is: "repeat", node, min, max, greedy, groups: [before, groups] }
  }

  const quantifier = (): { readonly min: number; readonly max: number } | undefined => {
    if (take("*")) return { min: 0, max: Infinity }
    if (take("+")) return { min: 1, max: Infinity }
    if (take("?")) return { min: 0, max: 1 }
    const counted = /^\{(\d+)(?:(,)(\d*))?\}/.exec(source.slice(at, at + 24))
    if (counted === null) return undefined
    at += counted[0].length
    const min = Number(counted[1])
    const max = counted[2] === undefined ? min : counted[3] === "" ? Infinity : Number(counted[3])
    return { min, max }
  }

  const atom = (): Node => {
    const character = source[at++]
    switch (character) {
      case "^":
        return { is: "assert", what: "start" }
      case "$":
        return { is: "assert", what: "end" }
      case ".":
        return { is: "set", set: { ranges: lineEnds, negated: true } }
      case "(":
        return group()
      case "[":
        return { is: "set", set: characterClass() }
      case "\\":
        if (take("b")) return { is: "assert", what: "word" }
        if (take("B")) return { is: "assert", what: "not-word" }
        return { is: "set", set: escape(false) }
      default:
        return { is: "set", set: single(character === undefined ? 0 : character.charCodeAt(0)) }
    }
  }

  const group = (): Node => {
    let index: number | undefined
    if (take("?:")) index = undefined
    else if (/^\?<(?![=!])/.test(source.slice(at, at + 3))) {
      at = source.indexOf(">", at) + 1
      index = ++groups
    } else if (source[at] === "?") fail(source[at + 1] === "<" ? "a lookbehind" : "a lookahead or modifier")
    else index = ++groups
    const node = choice()
    at++
    return index === undefined ? node : { is: "group", index, node }
  }

  const escape = (inClass: boolean): CharacterSet => {
    const character = source[at++] ?? "\\"
    const known = classes[character]
    if (known !== undefined) return known
    if (character === "0" && /\d/.test(source[at] ?? "")) fail("an octal escape")
    const control = controls[character]
    if (control !== undefined) return single(control)
    if (/[1-9]/.test(character)) fail("a backreference")
    if (character === "k") fail("a named backreference")
    if (character === "b" && inClass) return single(8)
    const hexadecimal = character === "x" ? /^[0-9a-fA-F]{2}/ : character === "u" ? /^[0-9a-fA-F]{4}/ : undefined
    const code = hexadecimal?.exec(source.slice(at, at + 4))?.[0]
    if (code !== undefined) {
      at += code.length
      return single(Number.parseInt(code, 16))
    }
    if (character === "c") {
      if (!/[A-Za-z]/.test(source[at] ?? "")) fail("the escape \\c")
      return single((source.charCodeAt(at++)) % 32)
    }
    return single(character.charCodeAt(0))
  }

  const characterClass = (): CharacterSet => {
    const negated = take("^")
    const ranges: Array<readonly [number, number]> = []
    const item = (): CharacterSet => {
      if (take("\\")) return escape(true)
      return single(source.charCodeAt(at++))
    }
    while (at < source.length && !take("]")) {
      const low = item()
      if (source[at] === "-" && source[at + 1] !== "]" && at + 1 < source.length) {
        at++
        const high = item()
        if (isSingle(low) && isSingle(high)) ranges.push([low.ranges[0][0], high.ranges[0][0]])
        else ranges.push(...rangesOf(low), [0x2d, 0x2d], ...rangesOf(high))
      } else ranges.push(...rangesOf(low))
    }
    return { ranges, negated }
  }

  const node = choice()
  if (at < source.length) fail("an unmatched parenthesis")
  return { node, groups }
}

const single = (code: number): CharacterSet => ({ ranges: [[code, code]], negated: false })

const isSingle = (set: CharacterSet): set is { ranges: readonly [readonly [number, number]]; negated: false } =>
  !set.negated && set.ranges.length === 1 && set.ranges[0]?.[0] === set.ranges[0]?.[1]

/** A set without its negation. */
const rangesOf = (set: CharacterSet): CharacterSet["ranges"] => {
  if (!set.negated) return set.ranges
  const ranges: Array<readonly [number, number]> = []
  let from = 0
  for (const [low, high] of set.ranges) {
    if (low > from) ranges.push([from, low - 1])
    from = high + 1
  }
  ranges.push([from, 0xffff])
  return ranges
}

const isNullable = (node: Node): boolean => {
  switch (node.is) {
    case "set":
      return false
    case "assert":
      return true
    case "sequence":
      return node.items.every(isNullable)
    case "choice":
      return node.options.some(isNullable)
    case "group":
      return isNullable(node.node)
    case "repeat":
      return node.min === 0 || isNullable(node.node)
  }
}
