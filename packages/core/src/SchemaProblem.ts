/** What is wrong with a value that does not fit its schema, as one sentence: where, and what would be right. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** The first thing that is wrong. */
export const of = ({ issue }: Schema.SchemaError): string => {
  const [first] = format(issue).issues
  if (first === undefined) return "it does not fit"
  const path = (first.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".")
  return path === "" ? first.message : `${path}: ${first.message}`
}

/** Reads a value by a schema; a field that the schema does not know is a mistake too. Fails with what is wrong. */
export const read = <S extends Schema.Decoder<unknown>>(
  schema: S
): (value: unknown) => Effect.Effect<S["Type"], string> => {
  const decode = Schema.decodeUnknownEffect(schema, { onExcessProperty: "error" })
  return (value) => Effect.mapError(Effect.suspend(() => decode(value)), of)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const format = SchemaIssue.makeFormatterStandardSchemaV1()
