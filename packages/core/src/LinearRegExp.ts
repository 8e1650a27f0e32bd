/**
 * Regular expressions whose matching takes time linear in the text, so that no
 * pattern and no text can make an expression hang.
 *
 * The syntax and the choice among matches are JavaScript's, without what
 * cannot be matched in linear time (backreferences, lookahead, lookbehind) and
 * without repetitions of something that can be empty, where the ways of keeping
 * such rounds apart would grow. All ways through the pattern advance together
 * over the text, most wanted first.
 */
import { lineEnds, parse, UnsupportedPattern, words } from "./internal/RegExpSyntax.ts"
import type { Assertion, CharacterSet, Node } from "./internal/RegExpSyntax.ts"

export { UnsupportedPattern }

/** A match: where it begins, its text, and the text of each group. */
export interface Match {
  readonly index: number
  readonly text: string
  readonly groups: ReadonlyArray<string | undefined>
}

/** A compiled pattern. */
export interface LinearRegExp {
  /** The first match at or after `from`. `charge` is told how many instructions each position took. */
  readonly exec: (text: string, from: number, charge: (instructions: number) => void) => Match | undefined
}

/** Longest compiled pattern, in instructions. */
export const maxInstructions = 5000

/** Compiles a pattern with the flags `i` and `m`; throws `UnsupportedPattern`. */
export const compile = (
  source: string,
  flags: { readonly ignoreCase: boolean; readonly multiline: boolean }
): LinearRegExp => {
  const parsed = parse(source)
  const program: Array<Instruction> = []
  emit(parsed.node, program)
  program.push({ op: "match" })
  const slots = (parsed.groups + 1) * 2
  return {
    exec: (text, from, charge) => {
      const found = search(program, slots, text, from, flags, charge)
      if (found === undefined) return undefined
      const slice = (group: number): string | undefined => {
        const start = found[group * 2]
        const end = found[group * 2 + 1]
        return start === undefined || end === undefined ? undefined : text.slice(start, end)
      }
      return {
        index: found[0] ?? 0,
        text: slice(0) ?? "",
        groups: Array.from({ length: parsed.groups }, (_, i) => slice(i + 1))
      }
    }
  }
}

// --------------------------------------------------------------- compilation

type Instruction =
  | { readonly op: "set"; readonly set: CharacterSet }
  | { readonly op: "assert"; readonly what: Assertion }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "save"; readonly slot: number }
  | { readonly op: "forget"; readonly from: number; readonly to: number }
  | { readonly op: "match" }

const emit = (node: Node, program: Array<Instruction>): void => {
  if (program.length > maxInstructions) {
    throw new UnsupportedPattern(
      `a regular expression of more than ${maxInstructions} instructions cannot be used here`
    )
  }
  switch (node.is) {
    case "set":
      program.push({ op: "set", set: node.set })
      return
    case "assert":
      program.push({ op: "assert", what: node.what })
      return
    case "sequence":
      for (const item of node.items) emit(item, program)
      return
    case "group":
      program.push({ op: "save", slot: node.index * 2 })
      emit(node.node, program)
      program.push({ op: "save", slot: node.index * 2 + 1 })
      return
    case "choice": {
      const ends: Array<{ op: "jump"; to: number }> = []
      node.options.forEach((option, i) => {
        if (i === node.options.length - 1) return emit(option, program)
        const split = { op: "split" as const, first: program.length + 1, second: 0 }
        const end = { op: "jump" as const, to: 0 }
        program.push(split)
        emit(option, program)
        program.push(end)
        ends.push(end)
        split.second = program.length
      })
      for (const end of ends) end.to = program.length
      return
    }
    case "repeat": {
      const [from, to] = node.groups
      const round = (): void => {
        if (to > from) program.push({ op: "forget", from: (from + 1) * 2, to: to * 2 + 1 })
        emit(node.node, program)
      }
      const split = (): { op: "split"; first: number; second: number } => {
        const made = { op: "split" as const, first: 0, second: 0 }
        program.push(made)
        return made
      }
      const aim = (made: { first: number; second: number }, inside: number, outside: number): void => {
        made.first = node.greedy ? inside : outside
        made.second = node.greedy ? outside : inside
      }
      for (let i = 0; i < node.min; i++) round()
      if (node.max === Infinity) {
        const loop = split()
        const start = program.length
        round()
        program.push({ op: "jump", to: start - 1 })
        aim(loop, start, program.length)
        return
      }
      const optional = Array.from({ length: Math.min(node.max - node.min, maxInstructions) }, () => {
        const made = split()
        const start = program.length
        round()
        return { made, start }
      })
      for (const { made, start } of optional) aim(made, start, program.length)
    }
  }
}

// ------------------------------------------------------------------ matching

type Slots = ReadonlyArray<number | undefined>

interface Thread {
  readonly instruction: number
  readonly slots: Slots
}

const search = (
  program: ReadonlyArray<Instruction>,
  slots: number,
  text: string,
  from: number,
  flags: { readonly ignoreCase: boolean; readonly multiline: boolean },
  charge: (instructions: number) => void
): Slots | undefined => {
  // visited[i] is the last position at which some thread came by instruction i: a later one wants it less.
  const visited = new Int32Array(program.length).fill(-1)
  let found: Slots | undefined

  /** Follows all instructions that take no character; returns how many there were. */
  const follow = (threads: Array<Thread>, start: Thread, position: number): number => {
    const pending = [start]
    let steps = 0
    for (let thread = pending.pop(); thread !== undefined; thread = pending.pop()) {
      const { instruction } = thread
      if (visited[instruction] === position) continue
      visited[instruction] = position
      steps++
      const current = program[instruction] as Instruction
      switch (current.op) {
        case "jump":
          pending.push({ instruction: current.to, slots: thread.slots })
          break
        case "split":
          pending.push({ instruction: current.second, slots: thread.slots })
          pending.push({ instruction: current.first, slots: thread.slots })
          break
        case "save":
          pending.push({ instruction: instruction + 1, slots: thread.slots.with(current.slot, position) })
          break
        case "forget":
          pending.push({
            instruction: instruction + 1,
            slots: thread.slots.map((slot, i) => i >= current.from && i <= current.to ? undefined : slot)
          })
          break
        case "assert":
          if (holds(current.what, text, position, flags.multiline)) {
            pending.push({ instruction: instruction + 1, slots: thread.slots })
          }
          break
        default:
          threads.push(thread)
      }
    }
    return steps
  }

  let threads: Array<Thread> = []
  const fresh = new Array<number | undefined>(slots).fill(undefined)
  for (let position = from; position <= text.length; position++) {
    let steps = threads.length + 1
    if (found === undefined) steps += follow(threads, { instruction: 0, slots: fresh.with(0, position) }, position)
    else if (threads.length === 0) break
    const next: Array<Thread> = []
    const code = position < text.length ? text.charCodeAt(position) : undefined
    for (const { instruction, slots } of threads) {
      const current = program[instruction] as Instruction
      if (current.op === "match") {
        found = slots.with(1, position)
        break
      }
      if (current.op === "set" && code !== undefined && contains(current.set, code, flags.ignoreCase)) {
        steps += follow(next, { instruction: instruction + 1, slots }, position + 1)
      }
    }
    charge(steps)
    threads = next
  }
  return found
}

const holds = (what: Assertion, text: string, position: number, multiline: boolean): boolean => {
  switch (what) {
    case "start":
      return position === 0 || (multiline && within(lineEnds, text.charCodeAt(position - 1)))
    case "end":
      return position === text.length || (multiline && within(lineEnds, text.charCodeAt(position)))
    default: {
      const before = position > 0 && within(words, text.charCodeAt(position - 1))
      const after = position < text.length && within(words, text.charCodeAt(position))
      return (before !== after) === (what === "word")
    }
  }
}

const within = (ranges: CharacterSet["ranges"], code: number): boolean =>
  ranges.some(([low, high]) => code >= low && code <= high)

const contains = (set: CharacterSet, code: number, ignoreCase: boolean): boolean => {
  if (!ignoreCase) return within(set.ranges, code) !== set.negated
  const folded = fold(code)
  const character = String.fromCharCode(code)
  const variants = [code, character.toLowerCase().charCodeAt(0), folded]
  return variants.some((variant) => fold(variant) === folded && within(set.ranges, variant)) !== set.negated
}

/** The upper case of a character, where that is one character and does not cross into ASCII, as JavaScript compares them. */
const fold = (code: number): number => {
  const upper = String.fromCharCode(code).toUpperCase()
  const folded = upper.charCodeAt(0)
  return upper.length !== 1 || (code >= 128 && folded < 128) ? code : folded
}
