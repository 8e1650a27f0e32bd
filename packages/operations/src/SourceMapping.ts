/**
 * From what a sender sends to a sensor event: the JSON of one, with expressions
 * in it that read headers and body. An evaluation is bounded by the work that it
 * does, and depends on what is sent and the `Clock` alone.
 */
import * as Expression from "@fermata/contracts/Expression"
import { read, type SensorEvent } from "@fermata/core/SensorEvent"
import type { SourceMapping } from "@fermata/core/Source"
import * as StoredJson from "@fermata/core/StoredJson"
import { didYouMean } from "@fermata/core/Suggestion"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** What expressions of a mapping see. */
export interface Sent {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Schema.Json
  /** SHA-256 of the body as it came, in lower-case hex. */
  readonly digest: string
  /** The name of the source. */
  readonly source: string
  /** What the signature vouches for beside the body. */
  readonly message: { readonly id?: string; readonly at?: number }
}

/** A mapping is wrong, or does not suit what was sent: `place` is the part of it. */
export class MappingFailed extends Schema.TaggedError<MappingFailed>()("MappingFailed", {
  place: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.place}: ${this.problem}`
  }
}

/** The names that expressions of a mapping see. */
export const names = ["headers", "body", "digest", "source", "message"] as const

/** What is wrong with a mapping whatever is sent; undefined for nothing. */
export const check = (mapping: SourceMapping): MappingFailed | undefined => {
  const problem = (place: string, problem: string) => new MappingFailed({ place: `mapping.${place}`, problem })
  for (const [part, value] of Object.entries(mapping)) {
    for (const { path, source } of Expression.sourcesIn(value, part === "when", [part])) {
      const place = path.join(".")
      if (Result.isFailure(source)) return problem(place, "its {{ has no }}")
      const compiled = Expression.compile(source.success)
      if (Result.isFailure(compiled)) return problem(place, compiled.failure.message)
      const { names: read, undefinedVariables } = compiled.success
      const unknown = read.find(({ name }) => !names.some((known) => known === name))
      if (unknown !== undefined) {
        const meant = didYouMean(unknown.name, names)
        return problem(
          place,
          `nothing is called "${unknown.name}" there; ${
            meant === undefined ? `there are ${names.join(", ")}` : `did you mean "${meant}"?`
          }`
        )
      }
      const [missing] = undefinedVariables
      if (missing !== undefined) return problem(place, `there is no function or variable $${missing.name}`)
    }
  }
  if (mapping.dedupe === null || mapping.dedupe === "") {
    return problem("dedupe", "give what tells one message from another, such as \"{{ body.id }}\"")
  }
  return undefined
}

/**
 * The sensor event that a mapping reads in what was sent; undefined where its
 * `when` does not hold. Its key has the name of the source before it, so that no
 * source takes the keys of another.
 */
export const apply = Effect.fnUntraced(function*(
  mapping: SourceMapping,
  sent: Sent
): Effect.fn.Return<SensorEvent | undefined, MappingFailed> {
  const { when, ...template } = mapping
  const scope: Expression.Scope = { ...sent }
  const failed = (place: string) => ({ message }: Expression.ExpressionError) =>
    new MappingFailed({ place, problem: message })
  if (when !== undefined) {
    const holds = yield* Effect.mapError(Expression.evaluateCondition(when, scope), failed("mapping.when"))
    if (!holds) return undefined
  }
  const made = yield* Effect.mapError(
    Expression.evaluate({ payload: "{{ body }}", ...template } as Schema.JsonObject, scope),
    failed("mapping")
  )
  const { dedupe, ...rest } = made as Schema.JsonObject
  const key = textOf(dedupe ?? null)
  if (typeof key !== "string" || key === "") {
    return yield* new MappingFailed({ place: "mapping.dedupe", problem: "it leads to nothing in what was sent" })
  }
  const event = read({ sensor: sent.source, dedupe: `${sent.source}:${key}`, ...said(rest) })
  return yield* Effect.mapError(
    Effect.fromResult(event),
    ({ problem }) => new MappingFailed({ place: "mapping", problem: `what it comes to is no sensor event: ${problem}` })
  )
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The parts that there are, with what has to be a text as one. */
const said = (made: Schema.JsonObject): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(made).flatMap(([name, value]) => {
      if (name === "payload") return [[name, value ?? null]]
      if (value === null || value === undefined) return []
      return [[name, parts.has(name) ? partOf(value) : textOf(value)]]
    })
  )

/** What is proposed, without what leads to nothing; labels and keys are texts. */
const partOf = (value: Schema.Json): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]): ReadonlyArray<readonly [string, unknown]> => {
      if (name === "payload" || name === "input") return [[name, item]]
      if (item === null) return []
      if (name === "labels") return [[name, labelsOf(item)]]
      return [[name, texts.has(name) ? textOf(item) : item]]
    })
  )
}

const parts = new Set(["event", "run", "task"])

const texts = new Set([
  "adapter",
  "dedupe",
  "id",
  "kind",
  "lane",
  "profile",
  "queue",
  "source",
  "subject",
  "correlationId",
  "key",
  "name",
  "title",
  "version",
  "workflow"
])

const labelsOf = (value: Schema.Json): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(
      Object.entries(value).flatMap(([name, item]) => item === null || item === "" ? [] : [[name, textOf(item)]])
    )

/** A number or a truth as a text. */
const textOf = (value: Schema.Json): Schema.Json =>
  typeof value === "number" || typeof value === "boolean" ? StoredJson.textOf(value) : value
