/** RFC 6902 in full, on the subset that effect's `JsonPatch` applies. */
import * as JsonPatch from "effect/JsonPatch"
import * as JsonPointer from "effect/JsonPointer"
import type { Json } from "effect/Schema"

interface Operation {
  readonly op?: unknown
  readonly path?: unknown
  readonly from?: unknown
  readonly value?: unknown
}

/** The document after the patch. Throws, with a sentence, when the patch does not apply; the input is not changed. */
export const apply = (document: unknown, patch: ReadonlyArray<unknown>): unknown => {
  let result = document as Json
  for (const operation of patch) result = applyOne(result, operation as Operation)
  return result
}

const applyOne = (document: Json, { from, op, path, value }: Operation): Json => {
  if (typeof path !== "string") throw new Error("an operation of the patch has no path")
  const json = (value ?? null) as Json
  switch (op) {
    case "add":
    case "replace":
      return JsonPatch.apply([{ op, path, value: json }], document)
    case "remove":
      return JsonPatch.apply([{ op, path }], document)
    case "copy":
      return JsonPatch.apply([{ op: "add", path, value: valueAt(document, from) }], document)
    case "move": {
      if (from === path) return document
      const moved = valueAt(document, from)
      return JsonPatch.apply([{ op: "remove", path: String(from) }, { op: "add", path, value: moved }], document)
    }
    case "test": {
      if (JsonPatch.get(valueAt(document, path), json).length === 0) return document
      throw new Error(`the value at "${path}" is not the one that the patch tests for`)
    }
    default:
      throw new Error(`the patch has an operation "${String(op)}"`)
  }
}

const valueAt = (document: Json, pointer: unknown): Json => {
  if (typeof pointer !== "string") throw new Error("an operation of the patch does not say where from")
  let value: unknown = document
  for (const token of pointer.split("/").slice(1).map(JsonPointer.unescapeToken)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, token)) {
      throw new Error(`there is nothing at "${pointer}"`)
    }
    value = (value as Record<string, unknown>)[token]
  }
  return value as Json
}
