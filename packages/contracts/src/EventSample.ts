/**
 * An event that a waiting run of a contract would take, so that people are
 * shown one. It is made from the condition of the wait: what that compares with
 * something known is set so that it holds.
 */
import type * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Contract from "./Contract.ts"
import * as Expression from "./Expression.ts"
import type { Node } from "./internal/Jsonata.ts"
import * as Template from "./internal/Template.ts"
import { standardShapes } from "./StandardShapes.ts"
import { needsOf, type StepShapes } from "./StepShape.ts"
import { stepsOf } from "./StepTree.ts"

/** The waits of the contract for this event, with their conditions. */
export const waitsFor = (contract: Contract.Contract, event: string, shapes: StepShapes = standardShapes) =>
  stepsOf(contract, shapes).flatMap((step) => needsOf(shapes, step).events ?? []).filter((wait) => wait.event === event)

/** A payload that one of the run's waits for this event takes; undefined where none was found. */
export const of = (
  contract: Contract.Contract,
  view: RunView.RunView,
  event: string,
  shapes: StepShapes = standardShapes
): Effect.Effect<Schema.Json | undefined> =>
  Effect.gen(function*() {
    const scope = scopeOf(view)
    for (const { where } of waitsFor(contract, event, shapes)) {
      if (where === undefined) return {}
      const compiled = Expression.compile(Template.unwrap(where).source)
      if (Result.isFailure(compiled)) continue
      const sample = {}
      satisfy(compiled.success.program.root, scope, sample)
      const isTaken = yield* Effect.orElseSucceed(
        Expression.evaluateCondition(where, { ...scope, event: sample }),
        () => false
      )
      if (isTaken) return sample
    }
    return undefined
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isJson = Schema.is(Schema.Json)
const isJsonObject = (value: unknown): value is Schema.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value)

/** What the conditions of the run's waits see, as its journal tells it. */
const scopeOf = (view: RunView.RunView): Expression.Scope => {
  const { input = null, trigger = input } = isJsonObject(view.payload) ? view.payload : {}
  const state = view.state["state"]?.value
  return {
    input,
    trigger,
    state: isJsonObject(state) ? state : {},
    run: { id: view.id, workflow: view.workflow, version: view.version },
    steps: Object.fromEntries(
      view.steps.flatMap(({ name, output }) => output !== undefined && isJson(output) ? [[name, { output }]] : [])
    )
  }
}

/** Sets in the event what makes the condition true, as far as it is plain comparisons. */
const satisfy = (node: Node, scope: Expression.Scope, event: Record<string, unknown>): void => {
  if (node.type === "block") {
    for (const part of nodesOf(node["expressions"])) satisfy(part, scope, event)
    return
  }
  const { lhs, rhs } = node
  if (node.type === "binary" && isNode(lhs) && isNode(rhs)) {
    if (node.value === "or") return satisfy(lhs, scope, event)
    if (node.value === "and") {
      satisfy(lhs, scope, event)
      return satisfy(rhs, scope, event)
    }
    const [left, right] = [pathIn(lhs), pathIn(rhs)]
    if (left?.[0] === "event") return put(event, left.slice(1), wanted(String(node.value), known(rhs, scope)))
    if (right?.[0] === "event") {
      return put(event, right.slice(1), wanted(mirrored[String(node.value)] ?? String(node.value), known(lhs, scope)))
    }
    return
  }
  const path = pathIn(node)
  if (path?.[0] === "event") put(event, path.slice(1), true)
}

/** The operator with its sides changed. */
const mirrored: Readonly<Record<string, string>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" }

/** What stands in this relation to the value. */
const wanted = (operator: string, value: unknown): unknown => {
  switch (operator) {
    case "=":
    case "<=":
    case ">=":
      return value
    case "in":
      return Array.isArray(value) ? value[0] : value
    case ">":
      return typeof value === "number" ? value + 1 : `${String(value)}~`
    case "<":
      return typeof value === "number" ? value - 1 : ""
    case "!=":
      return typeof value === "string" ? `not ${value}` : typeof value === "number" ? value + 1 : "other"
    default:
      return undefined
  }
}

const put = (event: Record<string, unknown>, path: ReadonlyArray<string>, value: unknown): void => {
  const name = path.at(-1)
  if (name === undefined || value === undefined) return
  let place = event
  for (const part of path.slice(0, -1)) {
    const inner = Object.hasOwn(place, part) ? place[part] : undefined
    const next: Record<string, unknown> = isJsonObject(inner) ? inner as Record<string, unknown> : {}
    define(place, part, next)
    place = next
  }
  define(place, name, value)
}

/** Names are any texts, `__proto__` too. */
const define = (place: object, name: string, value: unknown): void =>
  void Object.defineProperty(place, name, { value, enumerable: true, configurable: true, writable: true })

/** The value of a literal, or of a path into what is known. */
const known = (node: Node, scope: Expression.Scope): unknown => {
  if (node.type === "string" || node.type === "number" || node.type === "value") return node.value
  if (node.type === "unary" && node.value === "[") return nodesOf(node["expressions"]).map((item) => known(item, scope))
  if (node.type === "unary" && node.value === "-" && typeof node["expression"] === "object") {
    const value = isNode(node["expression"]) ? known(node["expression"], scope) : undefined
    return typeof value === "number" ? -value : undefined
  }
  return pathIn(node)?.reduce<unknown>(
    (value, name) => isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined,
    scope
  )
}

/** The names of a path that consists of names alone. */
const pathIn = (node: Node): ReadonlyArray<string> | undefined => {
  if (node.type !== "path") return undefined
  const names = nodesOf(node["steps"]).map((step) =>
    step.type === "name" && step["stages"] === undefined && typeof step.value === "string" ? step.value : undefined
  )
  return names.every((name) => name !== undefined) ? names : undefined
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"
const nodesOf = (value: unknown): ReadonlyArray<Node> => Array.isArray(value) ? value.filter(isNode) : []
