/** Durations and times as documents write them. */
import * as DurableTime from "@fermata/core/DurableTime"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"

/** What a duration looks like, for people. */
export const durations = "a number of ms, such a text as `2 hours`, or one of ISO 8601 such as `P1DT12H`"
/** What a time looks like, for people. */
export const times = "a time of RFC 3339 such as `2026-12-24T18:00:00Z`, or a number of ms since 1970"

/** A duration in ms, at least 0; undefined for what is none, or has no end. */
export const millisOf = (value: Schema.Json): number | undefined => {
  const millis = typeof value === "number" ? value : typeof value === "string" ? textMillis(value) : undefined
  return millis !== undefined && millis >= 0 && Number.isFinite(millis) ? Math.ceil(millis) : undefined
}

/** A time in ms since the epoch, at most the last that can be stored; undefined for what is none. */
export const timeOf = (value: Schema.Json): number | undefined => {
  const time = typeof value === "number"
    ? value
    : typeof value === "string" && withZone.test(value)
    ? Option.getOrUndefined(Option.map(DateTime.make(value), DateTime.toEpochMillis))
    : undefined
  return time !== undefined && Number.isFinite(time) && !DurableTime.isTooLate(time) ? Math.ceil(time) : undefined
}

// ---------------------------------------------------------------- internal

const textMillis = (text: string): number | undefined => {
  const parts = iso.exec(text)
  if (parts === null) {
    return units.test(text)
      ? Option.getOrUndefined(Option.map(Duration.fromInput(text as Duration.Input), Duration.toMillis))
      : undefined
  }
  const [, weeks, days, hours, minutes, seconds] = parts.map((part) => Number((part ?? "0").replace(",", ".")))
  return text.endsWith("P") || text.endsWith("T")
    ? undefined
    : ((((weeks! * 7 + days!) * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1000
}

/** Weeks, days, hours, minutes and seconds: months and years have no fixed length. */
const iso = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/

const units = /^\d+(\.\d+)? (milli|second|minute|hour|day|week)s?$/

/** A date and time that says its distance from UTC. */
const withZone = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/
