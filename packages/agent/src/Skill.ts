/**
 * Skills: what an agent can look up how to do. The model is told their names and
 * what they are for, and asks for the one that it needs, or for a page of it: its
 * content is then in the conversation, once.
 *
 * They are of the agent, or of the process (`layer`), or of one run, which then
 * has these alone. Which there are is recorded at the start of a run; what one
 * says is read when the model asks for it.
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** What a skill or a page says, or how that is had. It is had when the model asks for it, as a step. */
export type Content = string | Effect.Effect<string, unknown>

/** A skill of an agent. */
export interface Skill {
  readonly name: string
  readonly description: string
  readonly content: Content
  /** Further parts, by name, each of which the model asks for when it needs it. */
  readonly pages?: Readonly<Record<string, Content>>
}

/** A skill as the model is told of it. */
export const Listed = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  /** The names of its pages. */
  pages: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Listed = typeof Listed.Type

/** Where skills are looked for: asked which there are when a run begins, and what one says when the model asks for it. */
export interface Source {
  readonly list: Effect.Effect<ReadonlyArray<Listed>, unknown>
  readonly load: (name: string, page?: string) => Effect.Effect<string, unknown>
}

/** The skills of the process, which agents have that name none of their own. None by default. */
export const CurrentSource: Context.Reference<Source | undefined> = Context.Reference<Source | undefined>(
  "@fermata/agent/Skill/Source",
  { defaultValue: () => undefined }
)

/** The process has these skills. Give it to the layers of agents. */
export const layer = (source: Source): Layer.Layer<never> => Layer.succeed(CurrentSource, source)

const Headers = Schema.Record(Schema.String, Schema.Union([Schema.String, SecretRef.SecretRef]))

const Inline = Schema.Struct({ content: Schema.String })

const Remote = Schema.Struct({
  /** Asked by the way out of the process, at most once in a run. */
  url: Schema.String,
  /** Sent with it. What is a secret is a reference to it. */
  headers: Schema.optionalKey(Headers)
})

const about = {
  name: Schema.String.check(Schema.isMinLength(1)),
  description: Schema.String,
  /** By name. A page that says no headers is asked for with those of its skill. */
  pages: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([Inline, Remote])))
}

/** A skill that one run is given: what it says, or where that is. */
export const OfRun = Schema.Union([
  Schema.Struct({ ...about, ...Inline.fields }),
  Schema.Struct({ ...about, ...Remote.fields })
])
export type OfRun = typeof OfRun.Type

/** The name of the tool by which a model asks for a skill. */
export const toolName = "Skill"
