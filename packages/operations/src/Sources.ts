/**
 * Sources: who may send webhooks, and what comes of what they send.
 *
 * The signature is the identity: what is sent is verified, byte by byte, before
 * anything reads it, and whoever is not known by it learns nothing, also not
 * whether there is such a source. What is known then becomes a sensor event by
 * the mapping of its source, and is taken once, as `Sensors.ingest` does it. A
 * source of a tenant has the tenant before its name, `acme~github`, wherever
 * nobody has said in which tenant they act.
 */
import type { Ingested, SensorEvent } from "@fermata/core/SensorEvent"
import * as Names from "@fermata/core/SensorEvent"
import {
  SentRefused,
  SourceDeclaration,
  SourceNotFound,
  SourcePaused,
  SourceRefused,
  type SourceSample,
  type SourceVerdict,
  type SourceView
} from "@fermata/core/Source"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as AuditedActs from "@fermata/engine/AuditedActs"
import type { Answers, SourceOp, SourceRow, StorageFailed } from "@fermata/engine/Backend"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { sha256HexOf } from "@fermata/engine/Digest"
import { HostClock } from "@fermata/engine/HostClock"
import * as Secrets from "@fermata/engine/Secrets"
import { type IngestError, Sensors } from "@fermata/engine/Sensors"
import { Store } from "@fermata/engine/Store"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SentBody from "./internal/SentBody.ts"
import type { MappingFailed } from "./SourceMapping.ts"
import * as SourceMapping from "./SourceMapping.ts"
import * as WebhookSignature from "./WebhookSignature.ts"

/** What a sender has sent. */
export interface Sent {
  /** Names in any case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** As it came. */
  readonly body: Uint8Array<ArrayBuffer>
}

/** What came of it. */
export type Received =
  | { readonly _tag: "Taken"; readonly ingested: Ingested }
  /** The `when` of its mapping does not hold. */
  | { readonly _tag: "Ignored" }
  /** The sender asks something of whoever has this address, and this is the answer. */
  | { readonly _tag: "Challenged"; readonly answer: Schema.JsonObject }

/** Whoever sent it is not known. `why` is for whoever runs the server, and never for the sender. */
export class SenderUnknown
  extends Data.TaggedError("SenderUnknown")<{ readonly source: string; readonly why: string }>
{}

/** Declares sources, and receives what is sent to them. */
export class Sources extends Context.Service<Sources, {
  /** Declares a source, in place of the one of its name; one that is paused stays so. */
  readonly put: (
    name: string,
    declaration: SourceDeclaration,
    options: { readonly by: string }
  ) => Effect.Effect<SourceView, SourceRefused | StorageFailed>
  /** Forgets a source. What came from it stays listed. */
  readonly remove: (
    name: string,
    options: { readonly by: string }
  ) => Effect.Effect<SourceView, SourceNotFound | StorageFailed>
  /** Has its senders try again later, until `resume`. */
  readonly pause: (
    name: string,
    options: { readonly by: string; readonly note?: string | undefined }
  ) => Effect.Effect<SourceView, SourceNotFound | StorageFailed>
  readonly resume: (
    name: string,
    options: { readonly by: string }
  ) => Effect.Effect<SourceView, SourceNotFound | StorageFailed>
  /** By name. */
  readonly list: Effect.Effect<ReadonlyArray<SourceView>, StorageFailed>
  readonly find: (name: string) => Effect.Effect<SourceView, SourceNotFound | StorageFailed>
  /** What would come of a sample, whoever sends it: nothing is verified, done or recorded. */
  readonly test: (name: string, sample: SourceSample) => Effect.Effect<SourceVerdict, SourceNotFound | StorageFailed>
  /**
   * Takes what was sent to a source of this tenant, or with `acme~` before its
   * name, of that one. `admit` is asked once the sender is known, and may refuse.
   */
  readonly receive: <E = never>(
    name: string,
    sent: Sent,
    admit?: Effect.Effect<void, E>
  ) => Effect.Effect<Received, E | SenderUnknown | SourcePaused | SentRefused | StorageFailed>
}>()("@fermata/operations/Sources") {
  /** Those of the store of this process, whose secrets are where `Secrets` says. */
  static readonly layer: Layer.Layer<Sources, never, HostClock | Sensors | Store> = Layer.effect(
    Sources,
    Effect.gen(function*() {
      const { backend } = yield* Store
      const sensors = yield* Sensors
      const clock = yield* HostClock
      const secrets = yield* Secrets.CurrentSource

      const notFound = Effect.fnUntraced(function*(source: string) {
        const rows = yield* backend.sources(yield* CurrentTenant.current)
        return yield* new SourceNotFound({ source, known: rows.map(({ name }) => Tenant.local(name)) })
      })
      const rowOf = Effect.fnUntraced(function*(name: string) {
        return (yield* backend.source(yield* CurrentTenant.idOf(name))) ?? (yield* notFound(name))
      })
      const change = Effect.fnUntraced(function*(
        action: string,
        name: string,
        by: string,
        change: SourceOp["change"],
        detail: AuditedActs.What["detail"] = {}
      ) {
        const target = yield* CurrentTenant.idOf(name)
        const act = yield* AuditedActs.of<Answers["source"]>(
          clock.now,
          { action, target, by, detail },
          ({ after, before }) => viewOf((after ?? before)!)
        )
        return yield* AuditedActs.write(
          (op: SourceOp) => Effect.map(backend.write([op]), ([answer]) => answer),
          { op: "source", name: target, change, by, at: clock.now() },
          act
        )
      })
      const changed = Effect.fnUntraced(function*(action: string, name: string, by: string, to: SourceOp["change"]) {
        const { after, before } = yield* change(action, name, by, to)
        const row = after ?? before
        return row === null ? yield* notFound(name) : viewOf(row)
      })

      /** What the secrets say that there are; why not, where one is missing. */
      const told = (view: SourceView) =>
        Effect.forEach(
          view.signature.secrets,
          ({ secret }) => Effect.mapError(secrets.find(secret), (why) => `${secret}: ${why}`)
        )

      const verified = Effect.fnUntraced(function*(name: string, view: SourceView | undefined, sent: Sent) {
        const unknown = (why: string) =>
          // So much work in any case, so that the time that it takes tells little.
          Effect.andThen(decoy(sent), Effect.fail(new SenderUnknown({ source: name, why })))
        if (view === undefined) return yield* unknown("there is no such source")
        const found = yield* Effect.result(told(view))
        if (Result.isFailure(found)) return yield* unknown(`it has no secret ${found.failure}`)
        const { toleranceMs } = view.signature
        return yield* WebhookSignature.verify(
          view.signature,
          found.success,
          sent,
          toleranceMs === undefined ? {} : { toleranceMs }
        ).pipe(
          Effect.catchTag("SecretUnusable", ({ message }) => unknown(message)),
          Effect.catchTag("SignatureRefused", (refusal) =>
            refusal.kind === "mismatch"
              ? Effect.fail(new SenderUnknown({ source: name, why: refusal.message }))
              : unknown(refusal.message))
        )
      })

      const taken = Effect.fnUntraced(function*(
        view: SourceView,
        sent: Sent,
        message: WebhookSignature.Verified
      ): Effect.fn.Return<Received, SentRefused | SourcePaused | StorageFailed> {
        const headers = lowerCase(sent.headers)
        const digest = yield* sha256HexOf(sent.body)
        const refuse = (problem: string, payload?: unknown) =>
          Effect.flatMap(
            sensors.refuse({ sensor: view.name, dedupe: `${view.name}:${digest}`, payload }, problem),
            ({ position }) => Effect.fail(new SentRefused({ source: view.name, position }))
          )
        const read = SentBody.read(sent.body, headers["content-type"])
        if (Result.isFailure(read)) return yield* refuse(read.failure)
        const body = read.success
        if (view.signature.type === "slack" && isChallenge(body)) {
          return { _tag: "Challenged", answer: { challenge: body.challenge } }
        }
        if (view.paused) return yield* new SourcePaused({ source: view.name, retryAfter: pausedSeconds })
        const mapped = yield* Effect.result(
          SourceMapping.apply(view.mapping, { headers, body, digest, source: view.name, message })
        )
        if (Result.isFailure(mapped)) return yield* refuse(mapped.failure.message, body)
        if (mapped.success === undefined) return { _tag: "Ignored" }
        const ingested = yield* Effect.result(sensors.ingest(mapped.success))
        if (Result.isSuccess(ingested)) return { _tag: "Taken", ingested: ingested.success }
        if (ingested.failure._tag === "StorageFailed") return yield* ingested.failure
        return yield* refuse(ingested.failure.message, body)
      })

      return Sources.of({
        put: Effect.fn("Sources.put")(function*(name, declaration, { by }) {
          const problem = problemOf(name, declaration)
          if (problem !== undefined) return yield* new SourceRefused({ source: name, problem })
          const { after } = yield* change(
            "source.put",
            name,
            by,
            { declaration: StoredJson.textOf(declaration) },
            { scheme: declaration.signature.type }
          )
          return viewOf(after!)
        }),
        remove: Effect.fn("Sources.remove")((name, { by }) => changed("source.remove", name, by, null)),
        pause: Effect.fn("Sources.pause")((name, { by, note }) =>
          changed("source.pause", name, by, { paused: true, note: note ?? null })
        ),
        resume: Effect.fn("Sources.resume")((name, { by }) =>
          changed("source.resume", name, by, { paused: false, note: null })
        ),
        list: Effect.flatMap(
          CurrentTenant.current,
          (tenant) => Effect.map(backend.sources(tenant), (rows) => rows.map(viewOf))
        ),
        find: Effect.fn("Sources.find")(function*(name) {
          return viewOf(yield* rowOf(name))
        }),
        test: Effect.fn("Sources.test")(function*(name, sample) {
          const view = viewOf(yield* rowOf(name))
          return yield* verdictOf(sensors, view.name, view.mapping, sample)
        }),
        receive: Effect.fn("Sources.receive")(function*(given, sent, admit = Effect.void) {
          const id = yield* CurrentTenant.idOf(given)
          const tenant = Tenant.of(id)
          const name = Tenant.local(id)
          const row = isName(name) ? yield* backend.source(id) : null
          const view = row === null ? undefined : viewOf(row)
          const message = yield* verified(id, view, sent)
          yield* admit
          return yield* Effect.provideService(taken(view!, sent, message), CurrentTenant.CurrentTenant, tenant)
        })
      })
    })
  )
}

/** What would come of a sample by this mapping, of which nothing is done. */
export const verdictOf = Effect.fnUntraced(function*(
  sensors: Pick<Sensors["Service"], "list" | "preview">,
  source: string,
  mapping: SourceDeclaration["mapping"],
  sample: SourceSample
): Effect.fn.Return<SourceVerdict, StorageFailed> {
  const mapped = yield* Effect.result(readSample(source, mapping, sample))
  if (Result.isFailure(mapped)) return { verdict: "refused", problem: mapped.failure.message }
  const event = mapped.success
  if (event === undefined) return { verdict: "ignored" }
  const previewed = yield* Effect.result(sensors.preview(event))
  if (Result.isFailure(previewed)) {
    const error: IngestError = previewed.failure
    return error._tag === "StorageFailed" ? yield* error : { verdict: "refused", event, problem: error.message }
  }
  const { duplicate, outcome } = previewed.success
  return { verdict: duplicate ? "duplicate" : "accepted", event, outcome }
})

/** The sensor event that a mapping reads in a sample; undefined where its `when` does not hold. */
export const readSample = Effect.fnUntraced(function*(
  source: string,
  mapping: SourceDeclaration["mapping"],
  { body, headers = {} }: SourceSample
): Effect.fn.Return<SensorEvent | undefined, MappingFailed> {
  const stored = StoredJson.of(body)
  if (Result.isFailure(stored)) {
    return yield* new SourceMapping.MappingFailed({ place: "body", problem: `it is no JSON: ${stored.failure.reason}` })
  }
  return yield* SourceMapping.apply(mapping, {
    headers: lowerCase(headers),
    body: JSON.parse(stored.success.text) as Schema.Json,
    digest: yield* sha256HexOf(new TextEncoder().encode(stored.success.text)),
    source,
    message: {}
  })
})

/** What is wrong with a source, as a sentence; undefined for nothing. */
export const problemOf = (name: string, declaration: unknown): string | undefined => {
  if (!isName(name)) return `its name is none: ${Names.nameRule}`
  const decoded = decode(declaration)
  if (Result.isFailure(decoded)) {
    const [first] = format(decoded.failure.issue).issues
    const path = (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment))
    return `${path.length === 0 ? "" : `${path.join(".")}: `}${first?.message ?? "it is not as it must be"}`
  }
  return SourceMapping.check(decoded.success.mapping)?.message
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** When (s) a sender is to try again where its source is paused. */
const pausedSeconds = 60

const isName = Schema.is(Names.SensorName)

const decode = Schema.decodeUnknownResult(SourceDeclaration, { onExcessProperty: "error" })

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const viewOf = ({ at, by, declaration, name, note, paused }: SourceRow): SourceView => ({
  name: Tenant.local(name),
  ...JSON.parse(declaration) as SourceDeclaration,
  paused,
  ...(note === null ? {} : { note }),
  by,
  at
})

/** What may say who somebody is, or what they know, is not for mappings. */
const hidden = new Set(["authorization", "cookie", "proxy-authorization"])

const lowerCase = (headers: Sent["headers"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const lower = name.toLowerCase()
      return value === undefined || hidden.has(lower) ? [] : [[lower, value]]
    })
  )

const isChallenge = (body: Schema.Json): body is { readonly type: string; readonly challenge: string } =>
  typeof body === "object" && body !== null && !Array.isArray(body) && "type" in body && "challenge" in body &&
  body["type"] === "url_verification" && typeof body["challenge"] === "string"

const decoySecret = [Redacted.make("nobody knows this one, and nothing is signed by it")]

/** Computes a signature as for a sender who is known. */
const decoy = ({ body }: Sent): Effect.Effect<void> =>
  Effect.ignore(
    WebhookSignature.verify({ type: "github" }, decoySecret, { headers: { "x-hub-signature-256": "sha256=" }, body })
  )
