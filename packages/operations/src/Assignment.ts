/**
 * What an adapter is given to do a task: the task, the profile that it names, and
 * what became of it before, as one text. The text is made of what is stored alone,
 * in a fixed order, so the same task comes to the same bytes each time.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { TaskAttempt, TaskPage } from "@fermata/core/Task"
import { sha256HexNow } from "@fermata/engine/Digest"
import * as Schema from "effect/Schema"

/** A task, ready to be done. */
export const Assignment = Schema.Struct({
  task: Schema.String,
  kind: Schema.String,
  subject: Schema.optionalKey(Schema.String),
  payload: Schema.Json,
  profile: Schema.optionalKey(Schema.Struct({ name: Schema.String, text: Schema.String })),
  /** All of it, as JSON for whoever reads texts. */
  text: Schema.String,
  /** SHA-256 of the text, in hex. */
  hash: Schema.String
})
export interface Assignment extends Schema.Schema.Type<typeof Assignment> {}

/** Puts it together. Attempts that were cut off or given back have left nothing, and are not told. */
export const make = (
  { id, kind, payload, source, subject }: Pick<TaskPage, "id" | "kind" | "payload" | "source" | "subject">,
  attempts: ReadonlyArray<Pick<TaskAttempt, "attempt" | "error" | "outcome">>,
  profile?: { readonly name: string; readonly text: string }
): Assignment => {
  const { text } = StoredJson.compose({
    task: StoredJson.compose({
      id,
      kind,
      ...(source === undefined ? {} : { source }),
      ...(subject === undefined ? {} : { subject }),
      payload: payload ?? null
    }),
    ...(profile === undefined ? {} : { profile: StoredJson.compose({ name: profile.name, text: profile.text }) }),
    failed: StoredJson.list(
      attempts.filter(({ outcome }) => outcome === "failed").map(({ attempt, error }) =>
        StoredJson.compose({
          attempt,
          ...(error === undefined ? {} : { error: StoredJson.compose({ code: error.code, message: error.message }) })
        })
      )
    )
  })
  return {
    task: id,
    kind,
    ...(subject === undefined ? {} : { subject }),
    payload: (payload ?? null) as Schema.Json,
    ...(profile === undefined ? {} : { profile }),
    text,
    hash: sha256HexNow(text)
  }
}
