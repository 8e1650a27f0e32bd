/**
 * Secrets: what only the step that uses them is told.
 *
 * Everything that is stored holds references (`SecretRef`), and the body of a
 * step asks what one says. Whatever the attempt leaves then is without it: its
 * outcome and its error, its chunks and notes and log lines and spans, the events and
 * signals that it sends, the payloads of the runs that it starts, and the inputs
 * of the steps inside it. `[secret NAME]` stands in its place.
 *
 * What is looked for is what was asked for in that attempt, as it is and in the
 * forms of JSON, addresses, forms, pages and base64, the headers `Bearer` and
 * `Basic` among them, and its beginning where a text was broken off. A secret of
 * less than 4 characters is not looked for, nor one that was changed otherwise,
 * such as one that is hashed, reversed or told in parts.
 */
import { mark, type SecretRef } from "@fermata/core/SecretRef"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { CurrentRun, type Place } from "./internal/run/RunPort.ts"
import { Scrub } from "./internal/secrets/Scrub.ts"
import { SecretStream } from "./internal/secrets/SecretStream.ts"

/** The process has no secret of this name. `problem` says where it was looked for. */
export class SecretMissing extends Schema.TaggedError<SecretMissing>()("SecretMissing", {
  secret: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `There is no secret "${this.secret}": ${this.problem}`
  }
}

/** Where the secrets of a process are. */
export interface Source {
  /** What the secret of this name says, asked each time, so that it may be exchanged; or why there is none, as the end of a sentence. */
  readonly find: (name: string) => Effect.Effect<Redacted.Redacted<string>, string>
}

/** The secrets of this process. Nobody knows any unless a layer says where they are. */
export const CurrentSource: Context.Reference<Source> = Context.Reference<Source>("@fermata/engine/Secrets/Source", {
  defaultValue: () => ({
    find: () =>
      Effect.fail(
        "this process was not told where its secrets are; give its workflows a layer that says so, such as "
          + "Secrets.layerEnv of @fermata/host-node"
      )
  })
})

/** The secrets are there. Give it to the layers of the workflows. */
export const layer = (source: Source): Layer.Layer<never> => Layer.succeed(CurrentSource, source)

/** Secrets by name, for tests. What is changed in the object holds from then on. */
export const layerMemory = (secrets: Readonly<Record<string, string>>): Layer.Layer<never> =>
  layer({
    find: (name) =>
      Effect.suspend(() => {
        const text = Object.hasOwn(secrets, name) ? secrets[name] : undefined
        return text === undefined || text === ""
          ? Effect.fail(`the secrets in memory are ${Object.keys(secrets).join(", ") || "none"}`)
          : Effect.succeed(Redacted.make(text))
      })
  })

/**
 * What the secret says, in the body of a step or in its probe; from here on it
 * is cut out of what this attempt leaves. Ask in each attempt, and keep it no
 * longer than that: another step does not know that it was told. Dies elsewhere:
 * in the body of a workflow, whose values are recorded, in the body of a
 * `commit-together` step, and outside of a run.
 *
 * @example
 * ```ts
 * const charge = Step.make("charge", {
 *   input: { cents: Schema.Int, key: SecretRef },
 *   error: Secrets.SecretMissing,
 *   onCrash: "rerun-keyed",
 *   run: ({ cents, key }, { idempotencyKey }) =>
 *     Effect.flatMap(Secrets.resolve(key), (text) => pay(cents, Redacted.value(text), idempotencyKey))
 * })
 * ```
 */
export const resolve = (ref: SecretRef): Effect.Effect<Redacted.Redacted<string>, SecretMissing> =>
  Effect.flatMap(CurrentRun, (place) => {
    const confidant = place?.confidant
    if (confidant === undefined) return Effect.die(new Error(misplaced(ref, place)))
    return Effect.flatMap(CurrentSource, ({ find }) =>
      Effect.matchEffect(find(ref.secret), {
        onFailure: (problem) => Effect.fail(new SecretMissing({ secret: ref.secret, problem })),
        onSuccess: (found) =>
          Effect.sync(() => {
            const text = Redacted.value(found)
            confidant.tell(ref.secret, text)
            return Redacted.make(text, { label: mark(ref.secret) })
          })
      }))
  })

/**
 * From here on this text is cut out of what this attempt leaves, as that of a
 * secret of this name: for what a body has not asked for here, such as a token
 * that a server has just given it. Nothing where no attempt is under way.
 */
export const conceal = (name: string, text: Redacted.Redacted<string>): Effect.Effect<void> =>
  Effect.map(CurrentRun, (place) => place?.confidant?.tell(name, Redacted.value(text)))

/** Cuts secrets out of what is written down where no attempt is under way, such as a recording. */
export interface Cutter {
  /** A text without them, in any of their forms. */
  readonly text: (text: string) => string
  /** What is said piece by piece, as JSON: also without those that come in several pieces. */
  readonly pieces: (pieces: ReadonlyArray<unknown>) => ReadonlyArray<unknown>
}

/** Cuts these out, by their names. Those of less than 4 characters stay. */
export const cutter = (secrets: Iterable<readonly [name: string, text: string]>): Cutter => {
  const scrub = new Scrub()
  for (const [name, text] of secrets) scrub.add(name, text)
  return { text: scrub.text, pieces: (pieces) => SecretStream.all(scrub, pieces) }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const misplaced = ({ secret }: SecretRef, place: Place | undefined): string => {
  const where = place === undefined
    ? "outside of the body of a step"
    : `in the body of workflow "${place.run.row.workflow}"`
  return `What the secret "${secret}" says was asked ${where}: ask in the run or the probe of a step, and not of one that is `
    + `"commit-together"; elsewhere hand the reference on`
}
