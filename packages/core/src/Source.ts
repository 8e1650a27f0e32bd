/**
 * Sources: webhooks that come in. A source says by which signature its sender
 * is known, and how what it sends is read as a sensor event.
 */
import * as Schema from "effect/Schema"
import { SecretRef } from "./SecretRef.ts"
import { SensorEvent, SensorName, SensorOutcome } from "./SensorEvent.ts"
import * as SignatureScheme from "./SignatureScheme.ts"

const optional = Schema.optionalKey

const signed = {
  /** References to the secrets of the sender. Several hold at once, which is how one is exchanged. */
  secrets: Schema.NonEmptyArray(SecretRef).check(Schema.isMaxLength(5)),
  /** How far (ms) the time that is signed may be from now, where the scheme has one: 5 min when absent, 1 s to 1 h. */
  toleranceMs: optional(Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 3_600_000 })))
}

/** How a sender is known. */
export const SourceSignature = Schema.Union([
  Schema.Struct({ ...SignatureScheme.Standard.fields, ...signed }),
  Schema.Struct({ ...SignatureScheme.GitHub.fields, ...signed }),
  Schema.Struct({ ...SignatureScheme.Slack.fields, ...signed }),
  Schema.Struct({ ...SignatureScheme.Hmac.fields, ...signed })
])
export type SourceSignature = typeof SourceSignature.Type

/** JSONata in `{{ }}` inside the strings of a JSON value, as in contracts. */
const Template = Schema.Unknown

/**
 * How what is sent is read, as the JSON of a sensor event with expressions in
 * it. They see `headers` (names in lower case), `body`, `digest` (SHA-256 of
 * the body as it came, in hex), `source` (its name), and `message`, whose `id` and
 * `at` are what the signature vouches for, where it does. A part that comes to
 * `null` is left out.
 */
export const SourceMapping = Schema.Struct({
  /** An expression. Where it does not hold, what is sent is passed over: nothing comes of it, and nothing is recorded. */
  when: optional(Schema.String),
  /** What tells one message of the source from another. */
  dedupe: Template,
  eventId: optional(Template),
  ref: optional(Template),
  /** `body` when absent. */
  payload: optional(Template),
  /** The event that is published. */
  event: optional(Template),
  /** The task that is added. */
  task: optional(Template),
  /** The run that is started, or used again. */
  run: optional(Template)
})
export interface SourceMapping extends Schema.Schema.Type<typeof SourceMapping> {}

/** What a source is. */
export const SourceDeclaration = Schema.Struct({
  /** For people. */
  description: optional(Schema.String.check(Schema.isMaxLength(500))),
  signature: SourceSignature,
  mapping: SourceMapping
})
export interface SourceDeclaration extends Schema.Schema.Type<typeof SourceDeclaration> {}

/** A source, and how it stands. */
export const SourceView = Schema.Struct({
  name: SensorName,
  ...SourceDeclaration.fields,
  paused: Schema.Boolean,
  /** Why it is paused. */
  note: optional(Schema.String),
  /** Who has changed it last, and when (ms since the epoch). */
  by: Schema.String,
  at: Schema.Finite
})
export interface SourceView extends Schema.Schema.Type<typeof SourceView> {}

/** Something that a sender might send. */
export const SourceSample = Schema.Struct({
  headers: optional(Schema.Record(Schema.String, Schema.String)),
  /** The body as its JSON says it. */
  body: Schema.Unknown
})
export interface SourceSample extends Schema.Schema.Type<typeof SourceSample> {}

/** What would come of a sample, of which nothing is done. */
export const SourceVerdict = Schema.Struct({
  /** `ignored`: its `when` does not hold. `duplicate`: something was taken under its key. */
  verdict: Schema.Literals(["accepted", "duplicate", "ignored", "refused"]),
  /** What it is read as. */
  event: optional(SensorEvent),
  /** What it would come to. */
  outcome: optional(SensorOutcome),
  /** Why it would be refused. */
  problem: optional(Schema.String)
})
export interface SourceVerdict extends Schema.Schema.Type<typeof SourceVerdict> {}

/** There is no such source. */
export class SourceNotFound extends Schema.TaggedError<SourceNotFound>()("SourceNotFound", {
  source: Schema.String,
  known: Schema.Array(Schema.String)
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no source "${this.source.slice(0, 80)}"${
      this.known.length === 0 ? "; none is declared" : `; there are ${this.known.slice(0, 20).join(", ")}`
    }`
  }
}

/** This is no source. Nothing was changed. */
export class SourceRefused extends Schema.TaggedError<SourceRefused>()("SourceRefused", {
  source: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `The source "${this.source.slice(0, 80)}" is refused: ${this.problem}`
  }
}

/** What whoever has sent something to a source is told. */
export const SourceAnswer = Schema.Struct({
  /** `duplicate`: it was taken before. `ignored`: the source has no use for it. */
  result: Schema.Literals(["accepted", "duplicate", "ignored"]),
  /** Its place among all that came in. */
  position: optional(Schema.String),
  /** What it came to. */
  outcome: optional(SensorOutcome)
})
export interface SourceAnswer extends Schema.Schema.Type<typeof SourceAnswer> {}

/** The source takes nothing just now. Nothing was done or recorded. */
export class SourcePaused extends Schema.TaggedError<SourcePaused>()("SourcePaused", {
  source: Schema.String,
  /** When to send it again, in s; the header `Retry-After` says the same. */
  retryAfter: Schema.Int
}, { httpApiStatus: 503 }) {
  override get message(): string {
    return `The source "${this.source}" is paused; send it again in ${this.retryAfter} s or later`
  }
}

/** Nothing could come of what was sent. It was recorded with the reason, for whoever runs the source. */
export class SentRefused extends Schema.TaggedError<SentRefused>()("SentRefused", {
  source: Schema.String,
  /** Its place among all that came in. */
  position: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `The source "${this.source}" could not take this; why, it has recorded at position ${this.position}`
  }
}
