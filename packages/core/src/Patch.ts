/**
 * JSON Patch (RFC 6902), the one implementation: what a run does to its
 * documents is applied by it, and so is what people are shown of them.
 *
 * Beside the RFC it is strict: an operation must have all that it needs, and a
 * document is never changed in place.
 */
import * as JsonPatch from "effect/JsonPatch"
import * as JsonPointer from "effect/JsonPointer"
import type { Json } from "effect/Schema"
import * as SameJson from "./SameJson.ts"

/** One change of a document. Paths are JSON Pointers, such as `/items/0` or, for a new last item, `/items/-`. */
export type Operation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string }

/** The document after the patch. Throws, with a sentence, when the patch does not apply; the input is not changed. */
export const apply = (document: unknown, patch: ReadonlyArray<unknown>): unknown => {
  let result = document as Json
  for (const operation of patch) result = applyOne(result, operation as Parts)
  return result
}

/** A patch that makes the one document of the other. */
export const between = (before: unknown, after: unknown): ReadonlyArray<Operation> => {
  const operations: Array<Operation> = []
  compare(before, after, "", operations)
  return operations
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Parts = { readonly [part in "op" | "path" | "from" | "value"]?: unknown } | null

const applyOne = (document: Json, operation: Parts): Json => {
  const { from, op, path } = operation ?? {}
  if (typeof path !== "string") throw new Error("an operation of the patch has no path")
  const value = () => {
    if (operation?.value === undefined) throw new Error(`the operation "${String(op)}" at "${path}" has no value`)
    return operation.value as Json
  }
  switch (op) {
    case "add":
    case "replace":
      return JsonPatch.apply([{ op, path, value: value() }], document)
    case "remove":
      return JsonPatch.apply([{ op, path }], document)
    case "copy":
      return JsonPatch.apply([{ op: "add", path, value: valueAt(document, from) }], document)
    case "move": {
      const moved = valueAt(document, from)
      if (from === path) return document
      if (path.startsWith(`${String(from)}/`)) {
        throw new Error(`"${String(from)}" cannot be moved into itself, to "${path}"`)
      }
      return JsonPatch.apply([{ op: "remove", path: String(from) }, { op: "add", path, value: moved }], document)
    }
    case "test": {
      if (SameJson.same(valueAt(document, path), value())) return document
      throw new Error(`the value at "${path}" is not the one that the patch tests for`)
    }
    default:
      throw new Error(`the patch has an operation "${String(op)}"`)
  }
}

const valueAt = (document: Json, pointer: unknown): Json => {
  if (typeof pointer !== "string") throw new Error("an operation of the patch does not say where from")
  if (pointer !== "" && !pointer.startsWith("/")) {
    throw new Error(`"${pointer}" is no place: it does not begin with "/"`)
  }
  let value: unknown = document
  for (const token of pointer.split("/").slice(1).map(JsonPointer.unescapeToken)) {
    const isThere = Array.isArray(value)
      ? /^(0|[1-9]\d*)$/.test(token) && Number(token) < value.length
      : typeof value === "object" && value !== null && Object.hasOwn(value, token)
    if (!isThere) throw new Error(`there is nothing at "${pointer}"`)
    value = (value as Record<string, unknown>)[token]
  }
  return value as Json
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const compare = (before: unknown, after: unknown, path: string, operations: Array<Operation>): void => {
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, path, operations)
  if (!isObject(before) || !isObject(after)) {
    if (!SameJson.same(before, after)) operations.push({ op: "replace", path, value: after })
    return
  }
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) operations.push({ op: "remove", path: `${path}/${JsonPointer.escapeToken(key)}` })
  }
  for (const key of Object.keys(after)) {
    const place = `${path}/${JsonPointer.escapeToken(key)}`
    if (Object.hasOwn(before, key)) compare(before[key], after[key], place, operations)
    else operations.push({ op: "add", path: place, value: after[key] })
  }
}

/** What both begin and end with stays, so that an item more or less anywhere is one operation. */
const compareLists = (
  before: ReadonlyArray<unknown>,
  after: ReadonlyArray<unknown>,
  path: string,
  operations: Array<Operation>
): void => {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && SameJson.same(before[start], after[start])) start++
  let end = 0
  while (end < shorter - start && SameJson.same(before[before.length - 1 - end], after[after.length - 1 - end])) end++
  const shared = shorter - end
  for (let index = start; index < shared; index++) compare(before[index], after[index], `${path}/${index}`, operations)
  for (let index = before.length - end - 1; index >= shared; index--) {
    operations.push({ op: "remove", path: `${path}/${index}` })
  }
  for (let index = shared; index < after.length - end; index++) {
    operations.push({ op: "add", path: `${path}/${index}`, value: after[index] })
  }
}
