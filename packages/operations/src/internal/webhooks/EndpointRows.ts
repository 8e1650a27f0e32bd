/** Endpoints as the store has them, and as they are shown. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as TimeText from "@fermata/core/TimeText"
import {
  defaultRetryMs,
  defaultTimeoutMs,
  type Endpoint,
  EndpointSecret,
  EndpointSettings,
  type EndpointState
} from "@fermata/core/Webhook"
import type { EndpointRow } from "@fermata/engine/Backend"
import * as Schema from "effect/Schema"
import type { Health } from "./Breaker.ts"
import * as Breaker from "./Breaker.ts"

const { secret: _secret, ...settings } = EndpointSettings.fields

/** What an endpoint was set to, with the secrets that count. */
export const Stored = Schema.Struct({ ...settings, secrets: Schema.Array(EndpointSecret) })
export interface Stored extends Schema.Schema.Type<typeof Stored> {}

/** An endpoint, read. */
export interface Read {
  readonly row: EndpointRow
  readonly stored: Stored
  readonly health: Health
}

/** The endpoint in this row; undefined where it cannot be read, as where a newer build has written it. */
export const read = (row: EndpointRow): Read | undefined => {
  const stored = decodeStored(row.settings)
  const health = decodeHealth(row.health)
  return stored._tag === "Some" && health._tag === "Some"
    ? { row, stored: stored.value, health: health.value }
    : undefined
}

/** The texts of a row. */
export const texts = (stored: Stored, health: Health): Pick<EndpointRow, "health" | "settings"> => ({
  settings: StoredJson.textOf(stored),
  health: StoredJson.textOf(health)
})

/** How long it is waited before each attempt, and for each answer, in ms. */
export const retryOf = ({ retryMs = defaultRetryMs }: Stored): ReadonlyArray<number> => retryMs
export const timeoutOf = ({ timeoutMs = defaultTimeoutMs }: Pick<Stored, "timeoutMs">): number => timeoutMs

/** The endpoint as it is shown, to whoever is in its tenant by its own name. `now` is in ms since the epoch. */
export const viewOf = (
  { health, row: { by, createdAt, name, updatedAt }, stored: { secrets, ...settings } }: Read,
  now: number
): Endpoint => {
  const state = stateOf(health)
  return {
    name,
    ...settings,
    secrets: secrets.filter(({ until }) => until === undefined || until > now),
    state,
    failures: health.failures,
    ...(state === "open" ? { openUntil: health.until } : {}),
    dropped: health.dropped,
    sentence: sentenceOf(health, state),
    by,
    createdAt,
    updatedAt
  }
}

/** Its name without its tenant. */
export const localName = ({ name }: EndpointRow): string => Tenant.local(name)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeStored = Schema.decodeUnknownOption(Schema.fromJsonString(Stored))
const decodeHealth = Schema.decodeUnknownOption(Schema.fromJsonString(Breaker.Health))

const stateOf = ({ gone, paused, state }: Health): EndpointState => gone ? "gone" : paused ? "paused" : state

const sentenceOf = ({ dropped, failures, until }: Health, state: EndpointState): string => {
  const lost = dropped === 0
    ? ""
    : ` ${times(dropped, "delivery was", "deliveries were")} not made because its queue was full.`
  switch (state) {
    case "gone":
      return `It has answered 410, and is told of nothing more until it is resumed.${lost}`
    case "paused":
      return `It is paused: what it is to be told of waits until it is resumed.${lost}`
    case "open":
      return `Nothing is sent until ${TimeText.time(until)}, since ${
        times(failures, "attempt", "attempts")
      } in a row have failed; then one request tries it.${lost}`
    case "half":
      return `One request tries it, after ${times(failures, "attempt", "attempts")} in a row have failed.${lost}`
    case "ok":
      return failures === 0
        ? `It is told of events as they come.${lost}`
        : `It is told of events as they come; the last ${
          times(failures, "attempt has", "attempts have")
        } failed.${lost}`
  }
}

const times = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`
