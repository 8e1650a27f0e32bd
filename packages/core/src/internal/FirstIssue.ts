/** What is wrong first with a value, as a sentence with its place. */
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

export const of = ({ issue }: Schema.SchemaError): string => {
  const [first] = format(issue).issues
  const path = (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment))
  const message = (first?.message ?? "it is not as it must be").replaceAll(/\s*\n\s*/g, "; ")
  return `${path.length === 0 ? "" : `${path.join(".")}: `}${message}`
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const format = SchemaIssue.makeFormatterStandardSchemaV1()
