/**
 * JSONata, made fit for the body of a workflow: synchronous, bounded by the
 * work it does, free of the clock, of chance and of the host.
 *
 * - `$now`, `$millis`, `$random` and `$shuffle` use what the caller hands in.
 * - `$eval` is refused: it would run data as code, unseen by any check.
 * - `$toMillis` reads times without an offset as UTC, on every machine.
 * - Regular expressions are matched in linear time.
 * - Every evaluated node and every function pays for its work from a `Meter`,
 *   which sees values before JSONata reads them whole.
 */
import * as LinearRegExp from "@fermata/core/LinearRegExp"
import * as DateTime from "effect/DateTime"
import jsonata from "jsonata/jsonata-es5.js"
import * as Immediate from "./Immediate.ts"
import { ExpressionLimitExceeded } from "./Meter.ts"
import type { Meter } from "./Meter.ts"

/** What an evaluation may know of the world. */
export interface World {
  /** Milliseconds since the epoch, the same throughout one evaluation. */
  readonly now: number
  /** The next number of a sequence, from 0 up to and not including 1. */
  readonly random: () => number
}

/** A node of a parsed expression. */
export interface Node {
  readonly type: string
  readonly value?: unknown
  readonly position?: number
  readonly [field: string]: unknown
}

/** A parsed expression. `evaluate` yields whatever JSONata yields, functions and `undefined` included. */
export interface Program {
  readonly root: Node
  readonly evaluate: (input: unknown, world: World, meter: Meter) => unknown
}

/** An error as JSONata throws it. */
export interface Failure {
  readonly message: string
  readonly code?: string
  readonly position?: number
}

/** Reads what was thrown by `parse` or by `evaluate`. */
export const failureOf = (thrown: unknown): Failure => {
  const field = (name: string): unknown =>
    typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, name) : undefined
  const message = field("message")
  const code = field("code")
  const position = field("position")
  return {
    message: thrown instanceof RangeError
      ? "it is nested too deeply or makes too much"
      : typeof message === "string"
      ? message.slice(0, 500)
      : "it failed",
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof position === "number" ? { position } : {})
  }
}

/** Names of all functions that expressions may call, without the `$`. */
export const functionNames: ReadonlyArray<string> = [
  ..."sum count max min average string substring substringBefore substringAfter lowercase uppercase".split(" "),
  ..."length trim pad match contains replace split join formatNumber formatBase formatInteger".split(" "),
  ..."parseInteger number floor ceil round abs sqrt power boolean not map zip filter single reduce".split(" "),
  ..."sift keys lookup append exists spread merge reverse each error assert type sort distinct".split(" "),
  ..."base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl".split(" "),
  ..."toMillis fromMillis clone shuffle random now millis".split(" ")
]

/** Parses an expression; throws what `failureOf` reads. */
export const parse = (source: string): Program => {
  const expression = jsonata(source, options)
  const root = expression.ast() as unknown as Node
  const plan = planOf(root)
  for (const [name, definition] of functions()) expression.assign(name, definition)
  assignHook(expression, "__evaluate_entry", (node: Node, input: unknown) => {
    const { meter } = current()
    meter.charge(1)
    if (plan.readsInput.has(node) || (node.type === "name" && Array.isArray(input))) {
      meter.chargeWhole(input, plan.remember)
    }
  })
  assignHook(expression, "__evaluate_exit", (node: Node, _input: unknown, _frame: unknown, result: unknown) => {
    const { meter } = current()
    meter.chargeOuter(result)
    if (plan.readWhole.has(node)) meter.chargeWhole(result, plan.remember)
  })
  assignHook(expression, "__createFrame_push", (outer: object, inner: object) => {
    const { frames } = current()
    const depth = (frames.get(outer) ?? 0) + 1
    if (depth > maxFrames) throw new ExpressionLimitExceeded(`its functions are nested more than ${maxFrames} deep`)
    frames.set(inner, depth)
  })
  return {
    root,
    evaluate: (input, world, meter) => {
      const outside = active
      active = { world, meter, remember: plan.remember, frames: new WeakMap() }
      try {
        if (plan.writesInput) meter.chargeWhole(input, plan.remember)
        let reactions = 0
        return Immediate.run<unknown>(
          () => expression.evaluate(plan.writesInput ? structuredClone(input) : input),
          () => {
            if (++reactions % 8 === 0) meter.charge(1)
          }
        )
      } finally {
        active = outside
      }
    }
  }
}

/** All nodes of a parsed expression. */
export const nodes = function*(root: Node): Generator<Node> {
  const pending: Array<readonly [value: unknown, depth: number]> = [[root, 0]]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [value, depth] = next
    if (depth > maxNesting) throw new ExpressionLimitExceeded(`it is nested more than ${maxNesting} levels deep`)
    if (Array.isArray(value)) { for (const item of value) pending.push([item, depth]) }
    else if (isNode(value)) {
      if (typeof value.type === "string") yield value
      for (const field of childFields) if (value[field] !== undefined) pending.push([value[field], depth + 1])
    }
  }
}

/** Deepest nesting of a parsed expression, far from where the parser itself would give up. */
const maxNesting = 200

// -------------------------------------------------------- the one evaluation

interface Evaluation {
  readonly world: World
  readonly meter: Meter
  readonly remember: boolean
  readonly frames: WeakMap<object, number>
}

/** The evaluation that runs now; there is at most one, because none ever waits. */
let active: Evaluation | undefined

const current = (): Evaluation => {
  if (active === undefined) throw new Error("no evaluation is running")
  return active
}

/** Deepest nesting of scopes; JSONata looks names up by recursion. */
const maxFrames = 400

/** Most evaluations that are begun and not finished. */
const maxStack = 5000

class BoundedRegExp {
  lastIndex = 0
  readonly #compiled: LinearRegExp.LinearRegExp

  constructor(pattern: RegExp) {
    this.#compiled = compiled(pattern)
  }

  exec(text: string): Array<string | undefined> & { readonly index: number } | null {
    const { meter } = current()
    const found = this.#compiled.exec(text, this.lastIndex, (instructions) => meter.charge(instructions / 128))
    if (found === undefined) {
      this.lastIndex = 0
      return null
    }
    this.lastIndex = found.index + found.text.length
    return Object.assign([found.text, ...found.groups], { index: found.index })
  }
}

const compiledPatterns = new WeakMap<RegExp, LinearRegExp.LinearRegExp>()

/** The linear form of a pattern; throws `UnsupportedPattern`. */
export const compiled = (pattern: RegExp): LinearRegExp.LinearRegExp => {
  let made = compiledPatterns.get(pattern)
  if (made === undefined) {
    made = LinearRegExp.compile(pattern.source, { ignoreCase: pattern.ignoreCase, multiline: pattern.multiline })
    compiledPatterns.set(pattern, made)
  }
  return made
}

const options: jsonata.JsonataOptions = {
  stack: maxStack,
  sequence: 10_000,
  RegexEngine: BoundedRegExp as unknown as RegExpConstructor
}

type Assign = (name: symbol, value: unknown) => void

const assignHook = <Args extends ReadonlyArray<never>>(
  expression: jsonata.Expression,
  name: string,
  hook: (...args: Args) => void
): void => (expression.assign as unknown as Assign)(Symbol.for(`jsonata.${name}`), hook)

// -------------------------------------------------------------- static plans

interface Plan {
  /** Nodes whose result some operator reads whole. */
  readonly readWhole: ReadonlySet<unknown>
  /** Nodes that read their whole input. */
  readonly readsInput: ReadonlySet<unknown>
  /** Whether values keep their weight: only `|...|` changes values after they are made. */
  readonly remember: boolean
  /** Whether JSONata may write into the input while it groups (`{...}` after a path) or keeps lists (`[]`). */
  readonly writesInput: boolean
}

const wholeOperators = new Set(["&", "=", "!=", "and", "or"])

const planOf = (root: Node): Plan => {
  const readWhole = new Set<unknown>()
  const readsInput = new Set<unknown>()
  let remember = true
  let writesInput = false
  for (const node of nodes(root)) {
    if (node.type === "binary" && wholeOperators.has(String(node.value))) readWhole.add(node["lhs"]).add(node["rhs"])
    if (node.type === "condition") readWhole.add(node["condition"])
    if (node.type === "filter") readWhole.add(node["expr"])
    if (node.type === "wildcard" || node.type === "descendant") readsInput.add(node)
    if (node.type === "transform") remember = false
    if (node["group"] !== undefined || node["keepArray"] === true || node["keepSingletonArray"] === true) {
      writesInput = true
    }
  }
  return { readWhole, readsInput, remember, writesInput }
}

/** Every field in which JSONata keeps nodes, lists of nodes, or lists of pairs of nodes. */
const childFields = [
  ..."arguments body condition delete else expr expression expressions group lhs pattern predicate".split(" "),
  ..."procedure rhs stages steps terms then update".split(" ")
]

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null

// ----------------------------------------------------------------- functions

interface Definition {
  readonly _jsonata_function: true
  readonly implementation: (this: unknown, ...args: Array<unknown>) => unknown
  readonly signature?: unknown
}

/** Functions that read only the outermost level of their arguments, or call back for each item. */
const outerOnly = new Set(
  "count exists type append zip map filter single reduce sift each sort reverse random now millis shuffle".split(" ")
)

let made: ReadonlyMap<string, Definition> | undefined

/** JSONata's own functions, each paying for its work, with ours in place of what depends on the host. */
const functions = (): ReadonlyMap<string, Definition> => {
  if (made !== undefined) return made
  const own = Immediate.run<Array<Definition>>(
    () => jsonata(`[${functionNames.map((name) => `$${name}`).join(",")}]`).evaluate(null),
    () => undefined
  )
  const originals = new Map(functionNames.map((name, i) => [name, own[i] as Definition]))
  made = new Map([
    ...functionNames.map((name) => [name, metered(name, originals.get(name) as Definition, originals)] as const),
    ["eval", refusedEval]
  ])
  return made
}

const refusedEval: Definition = {
  _jsonata_function: true,
  implementation: () => {
    throw Object.assign(new Error("$eval is not available"), { code: "forbidden" })
  }
}

const metered = (name: string, original: Definition, originals: ReadonlyMap<string, Definition>): Definition => {
  const replacement = replacements[name]
  const implementation = function(this: unknown, ...args: Array<unknown>): unknown {
    const { meter, remember } = current()
    for (const arg of args) {
      meter.chargeOuter(arg)
      if (!outerOnly.has(name)) meter.chargeWhole(arg, remember)
    }
    // What a time leaves out is taken from the current one, which JSONata reads off the environment.
    const self = name === "toMillis" ? { environment: { timestamp: DateTime.toDateUtc(now()) } } : this
    const result = replacement === undefined
      ? original.implementation.apply(this, args)
      : replacement(args, (other, ...inner) => (originals.get(other) as Definition).implementation.apply(self, inner))
    meter.chargeOuter(result)
    return result
  }
  // JSONata reads the number and the names of the parameters off the function.
  Object.defineProperty(implementation, "length", { value: original.implementation.length })
  const text = Function.prototype.toString.call(original.implementation)
  Object.defineProperty(implementation, "toString", { value: () => text })
  return { ...original, implementation }
}

type Replacement = (
  args: ReadonlyArray<unknown>,
  original: (name: string, ...args: Array<unknown>) => unknown
) => unknown

const now = (): DateTime.Utc => DateTime.makeUnsafe(current().world.now)

const replacements: Readonly<Record<string, Replacement>> = {
  now: ([picture, zone], original) => original("fromMillis", current().world.now, picture, zone),
  millis: () => current().world.now,
  random: () => current().world.random(),
  shuffle: ([list]) => {
    if (!Array.isArray(list)) return list
    const shuffled: Array<unknown> = [...list]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = Math.floor(current().world.random() * (i + 1))
      ;[shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]]
    }
    return shuffled
  },
  pad: ([text, width, filler], original) => {
    if (typeof width === "number" && Math.abs(width) > current().meter.limits.characters) {
      throw new ExpressionLimitExceeded(`it makes a text of more than ${current().meter.limits.characters} characters`)
    }
    return original("pad", text, width, filler)
  },
  sort: ([list, comparator], original) => {
    if (comparator !== undefined || !Array.isArray(list)) return original("sort", list, comparator)
    const alike = list.every((item) => typeof item === typeof list[0])
    if (!alike || (typeof list[0] !== "number" && typeof list[0] !== "string")) return original("sort", list)
    current().meter.charge(list.length / 16)
    return list.toSorted((a, b) => a > b ? 1 : a < b ? -1 : 0)
  },
  distinct: ([list], original) => {
    // It compares each item with all before it.
    if (Array.isArray(list)) current().meter.chargeWhole(list, current().remember, list.length / 16)
    return original("distinct", list)
  },
  toMillis: ([text, picture], original) => {
    if (typeof text !== "string") return original("toMillis", text, picture)
    if (typeof picture !== "string") return original("toMillis", /T[^Z+-]*$/.test(text) ? `${text}Z` : text)
    current().meter.charge(waysToSplit(text.length, picture.split("[").length) / 50)
    return original("toMillis", text, picture)
  }
}

/** In how many ways a text can be cut into so many parts: what JSONata may try to read a time by its picture. */
const waysToSplit = (length: number, parts: number): number => {
  let ways = 1
  for (let i = 1; i < parts && ways < 1e12; i++) ways *= Math.max(1, (length - i + 1) / i)
  return ways
}
