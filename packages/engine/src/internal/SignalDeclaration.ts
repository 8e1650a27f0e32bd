/**
 * What a workflow says about its signals: their names, what they carry, and a
 * sample of it. It is kept with the definition, so that those who have the
 * store and not the code know it too.
 */
import * as JsonSample from "@fermata/core/JsonSample"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { jsonCodec } from "./JsonCodec.ts"

/** A kind of signal: its name and what it carries. */
export interface Signal<A extends Schema.Top> {
  readonly name: string
  readonly schema: A
}

/** A declared signal. `sample` is JSON that it accepts; absent where none was found. */
export const SignalDeclaration = Schema.Struct({
  name: Schema.String,
  schema: Schema.optionalKey(Schema.Unknown),
  sample: Schema.optionalKey(Schema.Unknown)
})
export type SignalDeclaration = typeof SignalDeclaration.Type

/** What is said about this signal. */
export const of = ({ name, schema }: Signal<Schema.Top>): SignalDeclaration => {
  const document = documentOf(schema)
  const sample = sampleOf(schema)
  return {
    name,
    ...(document === undefined ? {} : { schema: document.schema }),
    ...(sample === undefined ? {} : { sample })
  }
}

/** JSON that this schema takes; undefined where none was found. */
export const sampleOf = (schema: Schema.Top): unknown => {
  const document = documentOf(schema)
  const decode = Schema.decodeUnknownExit(jsonCodec(schema))
  return document === undefined
    ? undefined
    : JsonSample.samples(document).find((sample) => Exit.isSuccess(decode(sample)))
}

/** Why the schema of the signal does not take this JSON; undefined when it does. */
export const problemOf = ({ schema }: Signal<Schema.Top>, payload: unknown): string | undefined => {
  const decoded = Schema.decodeUnknownExit(jsonCodec(schema))(payload)
  if (Exit.isSuccess(decoded)) return undefined
  const problem = Cause.squash(decoded.cause)
  return (problem instanceof Error ? problem.message : String(problem)).replaceAll(/\s+/g, " ")
}

/** The signals that a definition declares, by its `schemas`; undefined where it declares none. */
export const declared = (schemas: string): ReadonlyArray<SignalDeclaration> | undefined =>
  Option.getOrUndefined(decodeDeclared(schemas))?.signals

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeDeclared = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ signals: Schema.optionalKey(Schema.Array(SignalDeclaration)) }))
)

const documentOf = (schema: Schema.Top): JsonSample.Document | undefined => {
  try {
    return Schema.toJsonSchemaDocument(Schema.toCodecJson(schema))
  } catch {
    return undefined
  }
}
