/**
 * Arguments and options that several commands share.
 */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

/** The run that a command is about. */
export const run = Argument.String("run").pipe(
  Argument.withDescription("The id of a run, or the first characters of it (at least 4)")
)

/** The source that a command is about. */
export const source = Argument.String("source").pipe(Argument.withDescription("The name of a source"))

/** Ends the command as soon as what it asks for is recorded. */
export const noWait = Flag.Boolean("no-wait").pipe(
  Flag.withoutNegation,
  Flag.withDescription("End as soon as it is recorded, without following the run"),
  Flag.withDefault(false)
)

/** An option whose value is JSON or `@file`. */
export const json = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("J"), Flag.withDescription(`${description}: JSON, or @file`), Flag.optional)

/** Ends the command as soon as the run is recorded. */
export const detach = Flag.Boolean("detach").pipe(
  Flag.withoutNegation,
  Flag.withDescription("Start the run and leave it to a worker"),
  Flag.withDefault(false)
)

/** An option with text that may be absent. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** What a run is about. */
export const title = text("title", "TEXT", "What the run is about, in lists; by default what its workflow says")

/** An option with labels of runs, which may be repeated. */
export const labels = (description: string) =>
  Flag.KeyValuePair("label").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription(`${description}; may be repeated`),
    Flag.optional
  )

/** How many entries a list shows. */
export const limit = Flag.Int("limit").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("At most this many; default 50"),
  Flag.filter((limit) => limit >= 1, (limit) => `expected a whole number from 1, found ${limit}`),
  Flag.withDefault(50)
)

/** An option that stands for one run or message. An empty one is most often a variable that was not set. */
export const identity = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.filter((text) => text !== "", () => "expected a text that is not empty"),
    Flag.optional
  )

/** An option with a day or a time. */
export const time = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(`${description}, as 2026-01-31T12:00Z`),
    Flag.filterMap(
      (text) => Option.filter(Option.some(Date.parse(text)), Number.isFinite),
      (text) => `expected a day or a time, as 2026-01-31 or 2026-01-31T12:00Z, found ${text}`
    ),
    Flag.optional
  )

/** An option with a length of time, in ms. */
export const age = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(`${description}: a number with d, h, min or s, as 30d`),
    Flag.filterMap(
      (text) => {
        const found = /^(\d{1,6})(d|h|min|s)$/.exec(text)
        return found === null ? Option.none() : Option.some(Number(found[1]) * unitMs[found[2] as keyof typeof unitMs])
      },
      (text) => `expected a length of time, as 30d, 12h, 90min or 60s, found ${text}`
    )
  )

/** The values of the options that are given, by their names. */
export const given = (options: Readonly<Record<string, Option.Option<unknown>>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => Option.isNone(value) ? [] : [[name, value.value]])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const unitMs = { d: 86_400_000, h: 3_600_000, min: 60_000, s: 1_000 }
