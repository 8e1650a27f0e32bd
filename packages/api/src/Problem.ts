/**
 * Errors as problem documents (RFC 9457), by which whoever is refused learns
 * what was wrong, and a typed client gets back the error itself.
 */
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** What every problem document says. */
export interface Problem {
  /** Which error it is: `urn:fermata:problem:` and its tag. */
  readonly type: string
  /** The same for people, such as `Run not found`. */
  readonly title: string
  /** The HTTP status. */
  readonly status: number
  /** One sentence about this occurrence. */
  readonly detail: string
  /** The error as data, with its tag. A member of its own, since errors have fields of the names above. */
  readonly error: { readonly _tag: string; readonly [field: string]: unknown }
}

/** The class of an error whose fields are plain JSON. */
export interface ErrorClass<E extends Error & { readonly _tag: string }> extends Schema.Codec<E, unknown> {
  readonly fields: Schema.Struct.Fields
  readonly identifier: string
  new(props: never): E
}

const prefix = "urn:fermata:problem:"

/** The media type of problem documents. */
export const contentType = ProblemDetails.contentType

/** The type of the problem of an error with this tag. */
export const typeOf = (tag: string): string => `${prefix}${tag}`

/** The title of an error with this tag: `RunNotFound` is `Run not found`. */
export const titleOf = (tag: string): string => {
  const words = tag.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/**
 * The problem document of an error class, as its schema on the wire. A field
 * that is named in `hidden` stays on the server, so its class must do without.
 */
export const of = <E extends Error & { readonly _tag: string }>(
  self: ErrorClass<E>,
  { hidden = [] }: { readonly hidden?: ReadonlyArray<string> } = {}
): Schema.Codec<E, Problem> => {
  const fields = Object.fromEntries(Object.entries(self.fields).filter(([name]) => !hidden.includes(name)))
  const tag = self.identifier
  const status = (Schema.resolveAnnotations(self)?.["httpApiStatus"] as number | undefined) ?? 500
  const body = Schema.Struct({
    type: Schema.Literal(typeOf(tag)),
    title: Schema.String,
    status: Schema.Int,
    detail: Schema.String,
    error: Schema.Struct(fields)
  })
  const schema = body.pipe(
    Schema.decodeTo(
      Schema.toType(self),
      SchemaTransformation.transform<E, typeof body.Type>({
        decode: ({ error }) => new self(error as never),
        encode: (error) => ({
          type: typeOf(tag),
          title: titleOf(tag),
          status,
          detail: error.message,
          error: pick(error, fields)
        })
      })
    ),
    HttpApiSchema.asJson({ contentType }),
    HttpApiSchema.status(status)
  )
  return schema as unknown as Schema.Codec<E, Problem>
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pick = (from: object, fields: Schema.Struct.Fields): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(fields).flatMap((name) => {
      const value = (from as Record<string, unknown>)[name]
      return value === undefined ? [] : [[name, value]]
    })
  )
