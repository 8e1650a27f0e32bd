/**
 * The expressions of contracts: JSONata in `{{ }}` inside the strings of a
 * JSON value, evaluated against what the run knows.
 *
 * An evaluation is synchronous and its result depends on the scope, the
 * `Clock` and the `Random` of the fiber alone, so it may stand in the body of
 * a workflow. It is bounded by the work it does (`Limits`), never by time: an
 * expression that does too much fails with `ExpressionError`, on every machine
 * at the same point.
 */
import * as JsonNumber from "@fermata/core/JsonNumber"
import * as LinearRegExp from "@fermata/core/LinearRegExp"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Jsonata from "./internal/Jsonata.ts"
import { defaultLimits, isFunction, Meter } from "./internal/Meter.ts"
import type { Limits } from "./internal/Meter.ts"
import * as Template from "./internal/Template.ts"

/**
 * An expression is wrong or failed. `reason` is `syntax` or `forbidden` for
 * what no scope can mend, `limit` when it does too much, `failed` when this
 * scope does not suit it. `position` is an offset in `expression`.
 */
export class ExpressionError extends Schema.TaggedError<ExpressionError>()("ExpressionError", {
  expression: Schema.String,
  reason: Schema.Literals(["syntax", "forbidden", "limit", "failed"]),
  detail: Schema.String,
  position: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const place = this.position === undefined ? "" : ` at character ${this.position}`
    const text = this.expression.length > 120 ? `${this.expression.slice(0, 117)}...` : this.expression
    return `the expression {{${text}}} cannot be used${place}: ${this.detail}`
  }
}

/** What expressions can see. Every value is JSON; a missing one is a path that leads nowhere. */
export interface Scope {
  readonly trigger?: Schema.Json
  readonly input?: Schema.Json
  readonly steps?: { readonly [id: string]: { readonly output: Schema.Json } }
  readonly state?: Schema.JsonObject
  readonly run?: { readonly id: string; readonly workflow: string; readonly version: string }
  readonly event?: Schema.Json
  /** One of the items of a `map`, and its place; it may have one more name. */
  readonly item?: Schema.Json
  readonly index?: number
  /** What came in over HTTP, where the mapping of a source reads it: see `SourceMapping`. */
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Schema.Json
  readonly digest?: string
  readonly source?: string
  readonly message?: { readonly id?: string; readonly at?: number }
}

/** The functions that every expression can call, without the `$`. */
export const functionNames = Jsonata.functionNames

/** Longest source of an expression, in characters. */
export const maxSource = 16 * 1024

/** A name in an expression and where it begins. */
export interface Mention {
  readonly name: string
  readonly position: number
}

/** A checked expression, and what it mentions. */
export interface Compiled {
  readonly source: string
  readonly program: Jsonata.Program
  /** Names that are looked up in the scope itself, such as `trigger`. */
  readonly names: ReadonlyArray<Mention>
  /** Ids after `steps.`. */
  readonly steps: ReadonlyArray<Mention>
  /** What is read of outputs by name: the names after `steps.<id>.output.`, outermost first. */
  readonly outputs: ReadonlyArray<{ readonly step: string; readonly path: ReadonlyArray<Mention> }>
  /** Functions and variables (`$name`) that nothing defines. */
  readonly undefinedVariables: ReadonlyArray<Mention>
  /** Numbers that are others than they say. `name` is what is said about one. */
  readonly lossyNumbers: ReadonlyArray<Mention>
}

/** Parses an expression. Equal sources are parsed once. */
export const compile = (source: string): Result.Result<Compiled, ExpressionError> => {
  const known = compiled.get(source)
  if (known !== undefined) return known
  const made = compileNew(source)
  if (compiled.size >= maxCompiled) compiled.delete(compiled.keys().next().value ?? "")
  compiled.set(source, made)
  return made
}

/** An expression inside a JSON value: the path to its string, where it begins there, and its source. */
export interface Found {
  readonly path: ReadonlyArray<PropertyKey>
  readonly offset: number
  readonly source: Result.Result<string, Template.Unclosed>
}

/** All expressions in the strings of a JSON value, in order. */
export const expressionsIn = (value: Schema.Json, path: ReadonlyArray<PropertyKey> = []): ReadonlyArray<Found> => {
  if (typeof value === "string") {
    if (!Template.isTemplate(value)) return []
    const parts = Template.parse(value)
    if (Result.isFailure(parts)) return [{ path, offset: parts.failure.position, source: Result.fail(parts.failure) }]
    return parts.success.flatMap((part) =>
      part.is === "text" ? [] : [{ path, offset: part.offset, source: Result.succeed(part.source) }]
    )
  }
  if (isArray(value)) return value.flatMap((item, i) => expressionsIn(item, [...path, i]))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, item]) => expressionsIn(item, [...path, name]))
}

/** All expressions in a field: the whole text is one, with or without braces, or the strings of the value are templates. */
export const sourcesIn = (
  value: unknown,
  whole: boolean,
  path: ReadonlyArray<PropertyKey> = []
): ReadonlyArray<Found> => {
  if (!whole) return value === undefined ? [] : expressionsIn(value as Schema.Json, path)
  if (typeof value !== "string" || value === "") return []
  const { offset, source } = Template.unwrap(value)
  return [{ path, offset, source: Result.succeed(source) }]
}

/**
 * Evaluates every `{{ }}` in the strings of a JSON value. A string that is one
 * expression alone becomes its value (`null` for a path that leads nowhere);
 * otherwise values are put into the text: texts as they are, `null` and
 * nothing as no text, everything else as JSON. All of it shares one limit.
 */
export const evaluate = Effect.fnUntraced(function*(
  value: Schema.Json,
  scope: Scope,
  limits?: Partial<Limits>
): Effect.fn.Return<Schema.Json, ExpressionError> {
  const evaluation = yield* begin(scope, limits)
  return yield* Effect.fromResult(render(value, evaluation))
})

/** Evaluates one expression, with or without `{{ }}` around it. A path that leads nowhere is `null`. */
export const evaluateExpression = Effect.fnUntraced(function*(
  source: string,
  scope: Scope,
  limits?: Partial<Limits>
): Effect.fn.Return<Schema.Json, ExpressionError> {
  const evaluation = yield* begin(scope, limits)
  const result = evaluateSource(Template.unwrap(source).source, evaluation)
  return yield* Effect.fromResult(Result.map(result, (value) => value ?? null))
})

/** Whether the condition of a `when` or a `where` holds, by JSONata's rules of truth. */
export const evaluateCondition = (
  source: string,
  scope: Scope,
  limits?: Partial<Limits>
): Effect.Effect<boolean, ExpressionError> => Effect.map(evaluateExpression(source, scope, limits), isTrue)

/** JSONata's rules of truth: `false`, `null`, 0, the empty text, list and object are false, and so is a list of nothing but such. */
export const isTrue = (value: Schema.Json): boolean => {
  if (isArray(value)) return value.some(isTrue)
  return isObject(value) ? Object.keys(value).length > 0 : Boolean(value)
}

// ---------------------------------------------------------------- evaluation

interface Evaluation {
  readonly scope: Scope
  readonly world: Jsonata.World
  readonly meter: Meter
}

const begin = Effect.fnUntraced(function*(scope: Scope, limits: Partial<Limits> | undefined) {
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const evaluation: Evaluation = {
    scope,
    world: { now: clock.currentTimeMillisUnsafe(), random: () => random.nextDoubleUnsafe() },
    meter: new Meter({ ...defaultLimits, ...limits })
  }
  return evaluation
})

type Rendered = Result.Result<Schema.Json, ExpressionError>

const render = (value: Schema.Json, evaluation: Evaluation): Rendered => {
  if (typeof value === "string") {
    return Template.isTemplate(value)
      ? renderText(value, evaluation)
      : Result.succeed(value)
  }
  if (isArray(value)) return Result.all(value.map((item) => render(item, evaluation)))
  if (!isObject(value)) return Result.succeed(value)
  return Result.map(
    Result.all(
      Object.entries(value).map(([name, item]) => Result.map(render(item, evaluation), (v) => [name, v] as const))
    ),
    (entries): Schema.Json => Object.fromEntries(entries)
  )
}

const renderText = (text: string, evaluation: Evaluation): Rendered => {
  const parts = Template.parse(text)
  if (Result.isFailure(parts)) {
    return Result.fail(
      new ExpressionError({
        expression: text.slice(parts.failure.position + 2),
        reason: "syntax",
        detail: "its {{ has no }}"
      })
    )
  }
  const [first, ...rest] = parts.success
  if (first?.is === "expression" && rest.length === 0) {
    return Result.map(evaluateSource(first.source, evaluation), (value) => value ?? null)
  }
  const pieces: Array<string> = []
  for (const part of parts.success) {
    if (part.is === "text") pieces.push(part.text)
    else {
      const value = evaluateSource(part.source, evaluation)
      if (Result.isFailure(value)) return Result.fail(value.failure)
      const { success } = value
      pieces.push(
        typeof success === "string"
          ? success
          : success === undefined || success === null
          ? ""
          : StoredJson.textOf(success)
      )
    }
  }
  const whole = pieces.join("")
  return guarded(text, () => {
    evaluation.meter.chargeOuter(whole)
    return whole
  })
}

const evaluateSource = (
  source: string,
  { meter, scope, world }: Evaluation
): Result.Result<Schema.Json | undefined, ExpressionError> =>
  Result.flatMap(compile(source), ({ program }) =>
    guarded(source, () => {
      const result = program.evaluate(scope, world, meter)
      meter.chargeWhole(result, false)
      return toJson(result)
    }))

const guarded = <A>(expression: string, body: () => A): Result.Result<A, ExpressionError> =>
  Result.try({ try: body, catch: (thrown) => errorOf(expression, thrown, "failed") })

const errorOf = (expression: string, thrown: unknown, otherwise: "failed" | "syntax"): ExpressionError => {
  const { code, message, position } = Jsonata.failureOf(thrown)
  const limit = code === "limit" || code === "D1011" || code === "D2014" || code === "D2015" ||
    thrown instanceof RangeError
  return new ExpressionError({
    expression,
    reason: limit
      ? "limit"
      : code === "forbidden" || thrown instanceof LinearRegExp.UnsupportedPattern
      ? "forbidden"
      : otherwise,
    detail: message,
    ...(position === undefined ? {} : { position: Math.max(0, Math.trunc(position)) })
  })
}

/** A value of JSONata as plain JSON, sharing nothing with the scope; `undefined` for nothing. */
const toJson = (value: unknown): Schema.Json | undefined => {
  if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value
    throw new Error(`it yields ${value}, which is not a JSON number`)
  }
  if (isFunction(value)) throw new Error("it yields a function")
  if (Array.isArray(value)) return value.map((item: unknown) => toJson(item) ?? null)
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const made = toJson(item)
      return made === undefined ? [] : [[name, made]]
    })
  )
}

const isArray = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const isObject = (value: Schema.Json): value is Schema.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

// --------------------------------------------------------------- compilation

/** Compiled expressions by source, oldest first. */
const compiled = new Map<string, Result.Result<Compiled, ExpressionError>>()
const maxCompiled = 2000

const compileNew = (source: string): Result.Result<Compiled, ExpressionError> => {
  const refuse = (reason: "syntax" | "forbidden" | "limit", detail: string, position?: number) =>
    Result.fail(
      new ExpressionError({
        expression: source.slice(0, 200),
        reason,
        detail,
        ...(position === undefined ? {} : { position })
      })
    )
  if (source.length > maxSource) return refuse("limit", `it is longer than ${maxSource} characters`)
  if (source.trim() === "") return refuse("syntax", "it is empty")
  return Result.flatMap(
    Result.try({ try: () => Jsonata.parse(source), catch: (thrown) => errorOf(source, thrown, "syntax") }),
    (program) => {
      for (const node of Jsonata.nodes(program.root)) {
        if (node.type === "variable" && node.value === "eval") {
          return refuse("forbidden", "$eval is not available", startOf(node))
        }
        if (node.type === "lambda" && isCostlySignature(node["signature"])) {
          return refuse(
            "forbidden",
            "the signature of a function has too many optional or repeated parameters",
            startOf(node)
          )
        }
        if (node.type === "regex" && node.value instanceof RegExp) {
          const pattern = node.value
          const tried = Result.try({
            try: () => Jsonata.compiled(pattern),
            catch: (thrown) => thrown instanceof Error ? thrown.message : String(thrown)
          })
          if (Result.isFailure(tried)) return refuse("forbidden", tried.failure, startOf(node))
        }
      }
      return Result.succeed({
        source,
        program,
        ...mentionsIn(program.root),
        lossyNumbers: lossyNumbersIn(source, program.root)
      })
    }
  )
}

/** Where a node begins; JSONata's positions are the ends of tokens. */
const startOf = (node: Jsonata.Node): number => {
  const length = typeof node.value === "string" ? node.value.length : 0
  return Math.max(0, (node.position ?? 0) - length)
}

/** JSONata matches arguments against a signature with a backtracking regular expression. */
const isCostlySignature = (signature: unknown): boolean => {
  const definition: unknown = typeof signature === "object" && signature !== null
    ? Reflect.get(signature, "definition")
    : undefined
  if (typeof definition !== "string") return false
  const count = (pattern: RegExp): number => definition.match(pattern)?.length ?? 0
  return count(/\+/g) > 1 || count(/[?-]/g) > 8
}

/** Of a number JSONata keeps its value and where it ends. */
const lossyNumbersIn = (source: string, root: Jsonata.Node): ReadonlyArray<Mention> => {
  const found: Array<Mention> = []
  for (const node of Jsonata.nodes(root)) {
    if (node.type !== "number" || node.position === undefined) continue
    const literal = /\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.exec(source.slice(0, node.position))?.[0]
    const problem = literal === undefined ? undefined : JsonNumber.problemOf(literal)
    if (problem !== undefined) found.push({ name: problem, position: node.position - literal!.length })
  }
  return found
}

const mentionsIn = (root: Jsonata.Node): Pick<Compiled, "names" | "outputs" | "steps" | "undefinedVariables"> => {
  const names: Array<Mention> = []
  const steps: Array<Mention> = []
  const outputs: Array<Compiled["outputs"][number]> = []
  const variables: Array<Mention> = []
  const defined = new Set<unknown>(["", "$", ...Jsonata.functionNames])
  for (const node of Jsonata.nodes(root)) {
    if (node.type === "variable") variables.push({ name: String(node.value), position: startOf(node) })
    if (node.type === "bind") defined.add(fieldOf(node["lhs"], "value"))
    if (node.type === "lambda" && Array.isArray(node["arguments"])) {
      for (const argument of node["arguments"]) defined.add(fieldOf(argument, "value"))
    }
    if (node.type === "index") defined.add(node.value)
    defined.add(node["focus"]).add(node["index"])
  }

  const visitPath = (path: ReadonlyArray<Jsonata.Node>, atScope: boolean): void => {
    const [first] = path
    const viaVariable = first?.type === "variable" && (first.value === "$" || (first.value === "" && atScope))
    const [name, id, output, ...fields] = viaVariable ? path.slice(1) : path
    if (name?.type === "name" && (viaVariable || atScope)) {
      names.push({ name: String(name.value), position: startOf(name) })
      if (name.value === "steps" && id?.type === "name") {
        steps.push({ name: String(id.value), position: startOf(id) })
        const read = isPlain(id) && output !== undefined && isPlain(output) && output.value === "output"
          ? plainNames(fields)
          : []
        if (read.length > 0) outputs.push({ step: String(id.value), path: read })
      }
    }
    path.forEach((step, i) => visit(step, atScope && i === 0))
  }
  /** `atScope` says that plain names in `value` are looked up in the scope itself. */
  const visit = (value: unknown, atScope: boolean): void => {
    if (Array.isArray(value)) return value.forEach((item) => visit(item, atScope))
    if (typeof value !== "object" || value === null) return
    if (fieldOf(value, "type") === "path") visitPath(fieldOf(value, "steps") as ReadonlyArray<Jsonata.Node>, atScope)
    for (const field of keepsContext) visit(fieldOf(value, field), atScope)
    for (const field of changesContext) visit(fieldOf(value, field), false)
  }
  visit(root, true)
  return { names, steps, outputs, undefinedVariables: variables.filter(({ name }) => !defined.has(name)) }
}

/** A name that leads on from what the one before it is; behind a `@` the path goes on where it was. */
const isPlain = (node: Jsonata.Node): boolean => node.type === "name" && node["focus"] === undefined

/** The names before the first step of a path that is none. */
const plainNames = (path: ReadonlyArray<Jsonata.Node>): ReadonlyArray<Mention> => {
  const end = path.findIndex((node) => !isPlain(node))
  return path.slice(0, end < 0 ? path.length : end).map((node) => ({
    name: String(node.value),
    position: startOf(node)
  }))
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

const keepsContext = "arguments body condition else expression expressions lhs procedure rhs then".split(" ")
const changesContext = "predicate stages group terms expr pattern update delete".split(" ")
