/** Checks arguments by their JSON Schema, where the code that has the schema itself is elsewhere. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"

/** Why they do not fit; undefined when they do. A schema that cannot be read refuses nothing: the workflow itself looks again. */
export const check = (document: unknown, args: unknown): string | undefined => {
  const decode = decoder(document as JsonSchema.Document<"draft-2020-12">)
  const fits = decode?.(args)
  if (fits === undefined || Exit.isSuccess(fits)) return undefined
  const error = Cause.squash(fits.cause)
  return (error instanceof Error ? error.message : String(error)).replaceAll("\n", " ").replaceAll(/ +/g, " ")
}

const decoder = (document: JsonSchema.Document<"draft-2020-12">) => {
  try {
    const schema = SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "apply" })
    return Schema.decodeUnknownExit(schema as Schema.Codec<unknown>, { onExcessProperty: "error", errors: "all" })
  } catch {
    return undefined
  }
}
