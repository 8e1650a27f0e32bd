/** What is wrong with what was asked for, as one sentence: where, and what would be right. */
import * as Cause from "effect/Cause"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** The first problem of what does not fit its schema. */
export const problemOfIssue = (cause: Cause.Cause<Schema.SchemaError>): string => {
  const error = Cause.squash(cause) as Schema.SchemaError
  const [first] = format(error.issue).issues
  if (first === undefined) return "it does not fit"
  const path = (first.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".")
  return path === "" ? first.message : `${path}: ${first.message}`
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const format = SchemaIssue.makeFormatterStandardSchemaV1()
