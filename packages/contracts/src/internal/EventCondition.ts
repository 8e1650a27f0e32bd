/**
 * What a `where` says about an event at a glance: that one place in it has one
 * value. By that a store finds who waits for an event, and the events that are
 * waited for, without looking at all of them.
 */
import { type Equality, pathOf, valueOf } from "@fermata/engine/EventLog"
import * as Result from "effect/Result"
import * as Expression from "../Expression.ts"
import type * as Jsonata from "./Jsonata.ts"
import * as Template from "./Template.ts"

/** The place in the event, and what the value there must equal. */
export interface EventCondition {
  /** See `EventLog.pathOf`. */
  readonly path: string
  /** For people, such as `event.order.id`. */
  readonly place: string
  /** The value that this scope asks for; undefined where that is no text, number, boolean or null. */
  readonly valueIn: (scope: Expression.Scope) => unknown
  /** The condition says nothing else. */
  readonly isWhole: boolean
}

/** The first `event.… = …` that a condition cannot hold without; undefined where it has none with a plain value on its other side. */
export const of = (where: string): EventCondition | undefined => {
  const compiled = Expression.compile(Template.unwrap(where).source)
  return Result.isFailure(compiled) ? undefined : inNode(compiled.success.program.root)
}

/** What a wait with this condition asks for, as the store keeps it. */
export const equalityIn = (condition: EventCondition | undefined, scope: Expression.Scope): Equality | null => {
  const value = condition === undefined ? undefined : valueOf(condition.valueIn(scope))
  return condition === undefined || value === undefined ? null : { path: condition.path, value }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const inNode = (node: Jsonata.Node): EventCondition | undefined => {
  if (node.type === "block") {
    const [only, ...more] = listOf(node["expressions"])
    return only === undefined || more.length > 0 ? undefined : inNode(only)
  }
  if (node.type !== "binary") return undefined
  const left = node["lhs"] as Jsonata.Node
  const right = node["rhs"] as Jsonata.Node
  if (node.value === "and") {
    const found = inNode(left) ?? inNode(right)
    return found === undefined ? undefined : { ...found, isWhole: false }
  }
  return node.value === "=" ? equal(left, right) ?? equal(right, left) : undefined
}

const equal = (event: Jsonata.Node, other: Jsonata.Node): EventCondition | undefined => {
  const names = namesOf(event)
  if (names?.[0] !== "event") return undefined
  const valueIn = valueOfNode(other)
  return valueIn === undefined
    ? undefined
    : { path: pathOf(names.slice(1)), place: names.join("."), valueIn, isWhole: true }
}

/** Only what means the same here as in an expression: a constant, or names that lead through objects. */
const valueOfNode = (node: Jsonata.Node): EventCondition["valueIn"] | undefined => {
  if (node.type === "string" || node.type === "number" || node.type === "value") return () => node.value
  const names = namesOf(node)
  if (names === undefined || names[0] === "event") return undefined
  return (scope) => {
    let value: unknown = scope
    for (const name of names) {
      if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
        return undefined
      }
      value = (value as Readonly<Record<string, unknown>>)[name]
    }
    return value
  }
}

/** The names of a path that is nothing but names. */
const namesOf = (node: Jsonata.Node): ReadonlyArray<string> | undefined => {
  if (node.type !== "path" || Object.keys(node).some((field) => !plain.has(field))) return undefined
  const names: Array<string> = []
  for (const step of listOf(node["steps"])) {
    if (
      step.type !== "name" || typeof step.value !== "string" || Object.keys(step).some((field) => !plain.has(field))
    ) return undefined
    names.push(step.value)
  }
  return names
}

/** What a node may have that asks for nothing more: filters, lists, groups and bindings are fields of their own. */
const plain: ReadonlySet<string> = new Set(["type", "value", "position", "steps"])

const listOf = (value: unknown): ReadonlyArray<Jsonata.Node> => Array.isArray(value) ? value : []
