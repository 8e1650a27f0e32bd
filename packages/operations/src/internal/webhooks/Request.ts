/** What is sent to an endpoint: its headers by its profile, and its signatures. */
import type { EndpointSecret, WebhookHeaders, WebhookProfile } from "@fermata/core/Webhook"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as WebhookSignature from "../../WebhookSignature.ts"

/** One attempt to send a message. */
export interface Attempt {
  /** The id of the message, the same in each attempt. */
  readonly message: string
  /** A UUID, another one in each attempt. */
  readonly id: string
  /** ms since the epoch. */
  readonly at: number
  readonly event: string
  readonly run: string | undefined
  readonly body: string
}

/** How an endpoint wants to be told. */
export interface Manner {
  readonly profile: WebhookProfile
  readonly headers: WebhookHeaders
  /** The first signs for good, the others as long as their time lasts. */
  readonly secrets: ReadonlyArray<EndpointSecret>
}

/** Says what a secret of this name is, or why it is not known. */
export type Tell = (name: string) => Effect.Effect<Redacted.Redacted<string>, string>

/** The headers of an attempt, with names in lower case; fails with a sentence where a secret is missing or no secret. */
export const headersOf = (
  { headers, profile, secrets }: Manner,
  attempt: Attempt,
  tell: Tell
): Effect.Effect<Readonly<Record<string, string>>, string> =>
  Effect.gen(function*() {
    const told: Array<Redacted.Redacted<string>> = []
    for (const { secret, until } of secrets) {
      if (until !== undefined && until <= attempt.at) continue
      const text = yield* Effect.result(tell(secret))
      if (text._tag === "Success") told.push(text.success)
      // The one before may be gone already; the one that is in force may not.
      else if (until === undefined) return yield* Effect.fail(`there is no secret "${secret}": ${text.failure}`)
    }
    const own: Record<string, string> = {}
    for (const [name, value] of Object.entries(headers)) {
      own[name.toLowerCase()] = typeof value === "string" ? value : Redacted.value(
        yield* Effect.mapError(tell(value.secret), (problem) => `there is no secret "${value.secret}": ${problem}`)
      )
    }
    const { at, body, message: id } = attempt
    // A secret of the other profile need not be one of Standard Webhooks, whose secrets say what they are.
    const standard = profile === "standard"
      ? told
      : told.filter((secret) => Redacted.value(secret).startsWith("whsec_"))
    const signed = yield* Effect.mapError(
      WebhookSignature.sign({ type: "standard" }, standard, { id, at, body }),
      ({ message }) => message
    )
    return {
      "user-agent": "fermata-webhooks",
      ...own,
      "content-type": "application/json",
      ...signed,
      ...(profile === "lamachina" ? yield* lamachina(attempt, told) : {})
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const scheme: WebhookSignature.Scheme = {
  type: "hmac",
  header: "x-lamachina-signature",
  prefix: "sha256=",
  timestamp: { header: "x-lamachina-timestamp", unit: "ms" }
}

const lamachina = (
  { at, body, event, id, message, run }: Attempt,
  secrets: ReadonlyArray<Redacted.Redacted<string>>
): Effect.Effect<Readonly<Record<string, string>>, string> =>
  Effect.map(
    Effect.mapError(
      WebhookSignature.sign(scheme, secrets.slice(0, 1), { id: message, at, body }),
      (unusable) => unusable.message
    ),
    (signed) => ({
      "x-lamachina-event": event,
      ...(run === undefined ? {} : { "x-lamachina-runid": run }),
      "x-lamachina-delivery": id,
      ...signed
    })
  )
