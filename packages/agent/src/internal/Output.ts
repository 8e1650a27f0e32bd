/** Answers that must have a shape: what the model is told, and what is wrong with an answer. */
import * as JsonText from "@fermata/core/JsonText"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

/** The shape of an agent's output; none for text. */
export interface Shape {
  /** JSON Schema of what is wanted. */
  readonly document: object
  /** An answer without the shape is taken as the text that it is. */
  readonly isLenient: boolean
  readonly decode: (value: unknown) => Exit.Exit<unknown, unknown>
}

/** What an answer should be, of the schemas that take any text beside. */
const wanted = new WeakMap<Schema.Top, Schema.Top>()

/** A schema of which any text is taken where it is not what is wanted. */
export const lenient = <S extends Schema.Top>(schema: S): Schema.Union<readonly [S, typeof Schema.String]> => {
  const either = Schema.Union([schema, Schema.String])
  wanted.set(either, schema)
  return either
}

/** The shape that a schema gives answers; none where it takes any text. */
export const shapeOf = (schema: Schema.Top): Shape | undefined => {
  if (schema.ast === Schema.String.ast) return undefined
  const strict = wanted.get(schema)
  const codec = Schema.toCodecJson((strict ?? schema) as Schema.Codec<unknown, unknown>)
  const { definitions, schema: document } = Schema.toJsonSchemaDocument(codec)
  return {
    document: Object.keys(definitions).length === 0 ? document : { ...document, $defs: definitions },
    isLenient: strict !== undefined,
    decode: Schema.decodeUnknownExit(codec)
  }
}

/** What a model is told of the shape, behind its instructions. */
export const instruction = ({ document }: Pick<Shape, "document">): string =>
  `When you are done, answer with JSON alone, without any text around it, that fits this JSON Schema:\n${
    JSON.stringify(document)
  }`

/** What an answer holds: the value of the shape as JSON, or what is wrong with it, and under which code. */
export type Read =
  | { readonly _tag: "Fits"; readonly value: unknown }
  /** It does not fit, and is taken as text. */
  | { readonly _tag: "Text" }
  | {
    readonly _tag: "Unfit"
    readonly code: "JSON_PARSE_FAILED" | "SCHEMA_VALIDATION_FAILED"
    readonly problem: string
  }

/** Reads an answer: the JSON it is, or the one fenced block that it has. */
export const read = (text: string, shape: Shape): Read => {
  const found = strictly(text, shape)
  return found._tag === "Unfit" && shape.isLenient ? { _tag: "Text" } : found
}

/** The input as a model reads it. */
export const inputText = (schema: Schema.Top, given: unknown): string => {
  if (typeof given === "string") return given
  const encoded: unknown = Schema.encodeUnknownSync(Schema.toCodecJson(schema as Schema.Codec<unknown, unknown>))(given)
  return JSON.stringify(encoded, null, 2)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const strictly = (text: string, shape: Shape): Read => {
  const parsed = JsonText.parse(bare(text))
  if (parsed._tag === "Mistake") {
    return {
      _tag: "Unfit",
      code: "JSON_PARSE_FAILED",
      problem: `it is no JSON: ${parsed.problem} in line ${parsed.line}, column ${parsed.column}`
    }
  }
  const decoded = shape.decode(parsed.value)
  if (Exit.isSuccess(decoded)) return { _tag: "Fits", value: parsed.value }
  const problem = Cause.squash(decoded.cause)
  return {
    _tag: "Unfit",
    code: "SCHEMA_VALIDATION_FAILED",
    problem: `it does not fit its schema: ${
      (problem instanceof Error ? problem.message : String(problem)).slice(0, 2_000)
    }`
  }
}

const bare = (text: string): string => {
  const fenced = [...text.matchAll(/```(?:json)?\s*\n([\s\S]*?)\n?```/g)]
  return fenced.length === 1 ? fenced[0]![1]! : text.trim()
}
