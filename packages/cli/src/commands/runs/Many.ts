/** The options of acts that may be done to one run or to many. */
import type { BulkFilter, BulkRequest } from "@fermata/core/BulkAct"
import { type RunStatus, runStatuses, type SuspendReason, suspendReasons } from "@fermata/core/RunStatus"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CommandFailed, refused } from "../../CommandFailed.ts"

/** The run, where it is one. */
export const run = Argument.String("run").pipe(
  Argument.withDescription("The id of a run, or the first characters of it (at least 4); none with a filter"),
  Argument.optional
)

/** Which runs, and whether they are only looked at. */
export const flags = {
  filter: Flag.String("filter").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription(
      "All runs with this: status, reason, workflow, label (label=team=a), since, until, ended (at this time or earlier), id or restored (restored=true), as of `runs ls`; may be repeated"
    ),
    Flag.atLeast(0)
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withoutNegation,
    Flag.withDescription("All runs to which it can be done"),
    Flag.withDefault(false)
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Say how many runs a filter finds, and which are the first; do nothing"),
    Flag.withDefault(false)
  ),
  confirm: Flag.Int("confirm").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("How many runs there are, as --dry-run says; needed for more than 10000"),
    Flag.optional
  )
}

interface Given {
  readonly filter: ReadonlyArray<string>
  readonly all: boolean
  readonly dryRun: boolean
  readonly confirm: Option.Option<number>
  readonly run: Option.Option<string>
  /** Ends as soon as it is recorded. */
  readonly detach: boolean
}

/** Acts on the run where one is named, and on those that the options find otherwise. */
export const oneOrMany = <E, R>(
  command: string,
  request: Pick<BulkRequest, "action" | "reason">,
  { all, confirm, detach, dryRun, filter, run }: Given,
  one: (run: string) => Effect.Effect<void, E, R>
) =>
  Effect.gen(function*() {
    const isMany = filter.length > 0 || all || dryRun || Option.isSome(confirm)
    if (Option.isSome(run) && !isMany) return yield* one(run.value)
    if (Option.isSome(run)) {
      return yield* invalid(`fermata ${command} takes one run, or a filter, and not both`)
    }
    if (filter.length === 0 && !all) {
      return yield* invalid(
        `fermata ${command} needs a run, or runs: by --filter, such as --filter workflow=NAME, or --all`
      )
    }
    const found = yield* filterOf(filter)
    const { actOnMany } = yield* Effect.promise(() => import("../../Bulk.ts"))
    yield* actOnMany(command, { ...request, filter: found }, {
      dryRun,
      detach,
      confirm: Option.getOrUndefined(confirm)
    })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const names = ["status", "reason", "workflow", "label", "since", "until", "ended", "id", "restored"] as const
type Name = (typeof names)[number]
/** Their fields, where these are called otherwise. */
const fields: { readonly [N in Name]?: string } = { id: "prefix", ended: "endedUntil" }

const filterOf = (texts: ReadonlyArray<string>): Effect.Effect<BulkFilter, CommandFailed> =>
  Effect.gen(function*() {
    const statuses: Array<RunStatus> = []
    const reasons: Array<SuspendReason> = []
    const labels: Record<string, string> = {}
    const once = new Map<Name, string | number | true>()
    for (const text of texts) {
      const { name, value } = yield* pairOf(text, "NAME=VALUE, such as workflow=order")
      const place = `--filter ${name}`
      switch (name) {
        case "status":
          statuses.push(yield* oneOf(place, runStatuses, value))
          break
        case "reason":
          reasons.push(yield* oneOf(place, suspendReasons, value))
          break
        case "label": {
          const label = yield* pairOf(value, "label=NAME=VALUE, such as label=team=a")
          labels[label.name] = label.value
          break
        }
        case "restored": {
          yield* oneOf(place, ["true"], value)
          once.set(name, true)
          break
        }
        case "workflow":
        case "id":
        case "since":
        case "ended":
        case "until": {
          if (once.has(name)) return yield* invalid(`${place} is given twice`)
          once.set(name, name === "since" || name === "until" || name === "ended" ? yield* timeOf(place, value) : value)
          break
        }
        default:
          return yield* invalid(`--filter cannot be by ${quoted(name)}: expected one of ${names.join(", ")}`)
      }
    }
    return {
      ...(statuses.length === 0 ? {} : { status: statuses }),
      ...(reasons.length === 0 ? {} : { reason: reasons }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...Object.fromEntries([...once].map(([name, value]) => [fields[name] ?? name, value]))
    }
  })

const quoted = (text: string): string => `"${text}"`

const invalid = (message: string): CommandFailed => refused("InvalidValue", message)

const pairOf = (text: string, expected: string) => {
  const at = text.indexOf("=")
  return at < 1 || at === text.length - 1
    ? Effect.fail(invalid(`--filter cannot be ${quoted(text)}: expected ${expected}`))
    : Effect.succeed({ name: text.slice(0, at), value: text.slice(at + 1) })
}

const oneOf = <A extends string>(place: string, all: ReadonlyArray<A>, value: string) => {
  const found = all.find((one) => one === value)
  return found === undefined
    ? Effect.fail(invalid(`${place} cannot be ${quoted(value)}: expected one of ${all.join(", ")}`))
    : Effect.succeed(found)
}

const timeOf = (place: string, value: string) => {
  const time = Date.parse(value)
  return Number.isFinite(time)
    ? Effect.succeed(time)
    : Effect.fail(invalid(`${place} cannot be ${quoted(value)}: expected a time, as 2026-01-31T12:00Z`))
}
