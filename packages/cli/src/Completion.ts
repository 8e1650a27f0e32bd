/**
 * What can stand at the end of a line of words: commands, options, files, and
 * what the database knows. It never fails and never writes: where nothing can
 * be said, nothing is offered.
 */
import * as Contract from "@fermata/contracts/Contract"
import { Artifact } from "@fermata/core/Artifact"
import { isOfRun } from "@fermata/core/Suspension"
import { Wait } from "@fermata/core/Wait"
import type { Backend, RunRow } from "@fermata/engine/Backend"
import { Store } from "@fermata/engine/Store"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync, readdirSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { defaultDb } from "./Globals.ts"
import * as CommandLine from "./internal/CommandLine.ts"
import * as Words from "./Words.ts"

/** A word that may come next, with a text about it. */
export interface Candidate {
  readonly value: string
  readonly text?: string
}

/** What may follow the words in place of the last one, which may be empty. */
export const candidates = (
  root: CommandLine.Command,
  everywhere: ReadonlyArray<CommandLine.Option>,
  words: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Candidate>> => {
  const current = words.at(-1) ?? ""
  const place = CommandLine.placeOf(root, everywhere, words.slice(0, -1))
  const fits = ({ value }: Candidate): boolean => value.startsWith(current) && value !== ""
  const offered = place.wants === undefined && current.startsWith("-")
    ? attached(place, everywhere, current)
    : place.wants === undefined
    ? ofArgument(place, current)
    : ofOption(place, place.wants, current)
  return Effect.map(offered, (all) => all.filter(fits))
}

/** A line as a shell splits it into words, the last of which may be empty. */
export const split = (line: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  let word = ""
  let quote = ""
  for (let index = 0; index < line.length; index++) {
    const character = line[index]!
    if (character === "\\" && quote !== "'") {
      word += line[++index] ?? ""
    } else if (character === quote) {
      quote = ""
    } else if (quote === "" && (character === "'" || character === "\"")) {
      quote = character
    } else if (quote === "" && /\s/.test(character)) {
      if (word !== "") words.push(word)
      word = ""
    } else {
      word += character
    }
  }
  return [...words, word]
}

// ----------------------------------------------------------------------------
// what is offered
// ----------------------------------------------------------------------------

type Offer = Effect.Effect<ReadonlyArray<Candidate>>

/** The options, or behind `--name=` its values. */
const attached = (place: CommandLine.Place, everywhere: ReadonlyArray<CommandLine.Option>, current: string): Offer => {
  const all = [...place.command.flags, ...everywhere]
  const sign = current.indexOf("=")
  if (sign < 0) {
    return Effect.succeed(
      all.filter(({ name }) => !place.options.has(name)).map(({ description, name }) =>
        candidate(`--${name}`, description)
      )
    )
  }
  const option = all.find(({ name }) => current.startsWith(`--${name}=`))
  if (option === undefined) return Effect.succeed([])
  return Effect.map(
    ofOption(place, option, current.slice(sign + 1)),
    (values) => values.map(({ text, value }) => candidate(current.slice(0, sign + 1) + value, text))
  )
}

const ofOption = (place: CommandLine.Place, { name, type }: CommandLine.Option, current: string): Offer => {
  if (type._tag === "Choice") return Effect.succeed(type.values.map((value) => candidate(value)))
  switch (name) {
    case "db":
    case "config":
    case "input-file":
    case "out":
      return Effect.succeed(files(current))
    case "input":
    case "event":
    case "data":
    case "edit":
    case "done":
      return Effect.succeed(
        current.startsWith("@") ? files(current.slice(1)).map(({ value }) => candidate(`@${value}`)) : []
      )
    case "workflow":
      return known(place, workflows)
    case "model":
      return Effect.succeed([candidate("scripted", "a script answers, and no provider is asked")])
    case "run":
      return known(place, (backend) => runs(backend))
    case "at":
      return known(place, (backend) => steps(backend, place.operands[0]))
    case "as":
      return known(place, approvers)
    case "choice":
      return known(place, (backend) => choices(backend, place.operands[0]))
    case "always":
      return known(place, (backend) => offered(backend, place.operands[0]))
    case "agent":
      return known(place, (backend) => scopes(backend, "agent"))
    case "workspace":
      return known(place, (backend) => scopes(backend, "workspace"))
    case "event-name":
      return known(place, events)
    default:
      return Effect.succeed([])
  }
}

const ofArgument = (place: CommandLine.Place, current: string): Offer => {
  const { command, operands, path } = place
  if (command.subcommands.length > 0) {
    return Effect.succeed(
      operands.length > 0 ? [] : command.subcommands.map(({ description, name }) => candidate(name, description))
    )
  }
  const argument = command.arguments[operands.length] ?? command.arguments.find(({ variadic }) => variadic)
  switch (argument?.name) {
    case "file":
      return Effect.succeed(files(current, /\.jsonc?$/i))
    case "workflow":
      return Effect.map(known(place, workflows), (names) => [...names, ...files(current, /\.jsonc?$/i)])
    case "agent":
      return known(place, workflows)
    case "run":
    case "a":
    case "b":
      return known(place, (backend) => runs(backend, actsOnOpenRuns.has(path.at(-1) ?? "") ? open : undefined))
    case "run-or-approval":
      return known(place, questions)
    case "step":
      return known(
        place,
        (backend) =>
          waits(
            backend,
            place.operands[0],
            (wait) => wait.reason === "outcome-unknown" || (wait.reason === "recovery" && !isOfRun(wait))
          )
      )
    case "rule":
      return known(place, standing)
    case "token":
      return known(place, tokens)
    case "artifact":
      return known(place, (backend) => artifacts(backend, place.operands[0]))
    case "name":
      return known(
        place,
        (backend) =>
          waits(backend, place.operands[0], ({ key, reason }) => reason === "signal" && !key.startsWith("event:"))
      )
    case "event":
      return known(place, events)
    default:
      return Effect.succeed([])
  }
}

const actsOnOpenRuns: ReadonlySet<string> = new Set(["signal", "cancel", "pause", "resume", "settle"])
const open = ["queued", "running", "suspended"]

// ----------------------------------------------------------------------------
// what the database knows
// ----------------------------------------------------------------------------

const most = 200

const known = (
  place: CommandLine.Place,
  ask: (backend: Backend) => Effect.Effect<ReadonlyArray<Candidate>, unknown>
): Offer => {
  const db = place.options.get("db") ?? (process.env["FERMATA_DB"] || defaultDb)
  if (!existsSync(db)) return Effect.succeed([])
  return Effect.scoped(
    Effect.flatMap(Store, ({ backend }) => ask(backend)).pipe(
      Effect.provide(NodeHost.layerStore({ db, readOnly: "untouched" }))
    )
  ).pipe(Effect.catchCause(() => Effect.succeed([])))
}

const runs = (backend: Backend, status?: ReadonlyArray<string>) =>
  Effect.map(backend.runs({ status, limit: most }), (rows) => rows.map((row) => candidate(row.id, aboutRun(row))))

const aboutRun = (row: RunRow): string =>
  `${Words.definition(row)} ${row.status}${row.reason === null ? "" : ` (${row.reason})`}`

const workflows = (backend: Backend) =>
  Effect.map(backend.definitions, (rows) => unique(rows.map(({ kind, name }) => candidate(name, kind))))

const questions = (backend: Backend) =>
  Effect.map(backend.approvals(null, most), (open) => {
    const byRun = Map.groupBy(open, ({ run }) => run)
    return open.map(({ key, prompt, run }) =>
      candidate((byRun.get(run)?.length ?? 0) > 1 ? `${run}/${key}` : run, prompt)
    )
  })

const approvers = (backend: Backend) =>
  Effect.map(
    backend.approvals(null, most),
    (open) =>
      unique(
        open.flatMap((row) => Option.getOrElse(decodeTexts(row.approvers), () => [])).map((name) => candidate(name))
      )
  )

const choices = (backend: Backend, runOrApproval: string | undefined) =>
  Effect.map(
    backend.approvals(runOrApproval?.split("/")[0] ?? null, most),
    (open) =>
      unique(
        open.flatMap((row) => Option.getOrElse(decodeChoices(row.question), () => ({ choices: [] })).choices).map((
          name
        ) => candidate(name))
      )
  )

/** The rules that a question offers. */
const offered = (backend: Backend, runOrApproval: string | undefined) =>
  Effect.map(
    backend.approvals(runOrApproval?.split("/")[0] ?? null, most),
    (open) =>
      unique(
        open.flatMap((row) =>
          Option.getOrElse(decodeOffer(row.question), () => ({ standing: { rules: [] } })).standing.rules
        )
          .map((rule) => candidate(rule))
      )
  )

const standing = (backend: Backend) =>
  Effect.map(
    backend.standing({}),
    (rules) => rules.map(({ agent, by, id, rule }) => candidate(id, `${rule} for ${agent}, by ${by}`))
  )

const tokens = (backend: Backend) =>
  Effect.map(backend.accessTokens(most), (rows) => rows.map(({ id, name }) => candidate(id, `of ${name}`)))

const scopes = (backend: Backend, of: "agent" | "workspace") =>
  Effect.map(backend.standing({}), (rules) => unique(rules.map((rule) => candidate(rule[of]))))

const rowOf = (backend: Backend, run: string | undefined) =>
  run === undefined ?
    Effect.succeed(null) :
    Effect.flatMap(backend.runIds(run, 2), ([id, other]) =>
      id === undefined || other !== undefined ? Effect.succeed(null) : backend.run(id))

const waits = (backend: Backend, run: string | undefined, wanted: (wait: Wait) => boolean) =>
  Effect.map(
    rowOf(backend, run),
    (row) =>
      (row?.waits == null ? [] : Option.getOrElse(decodeWaits(row.waits), () => [])).filter(wanted).map((
        { detail, key }
      ) => candidate(key, detail))
  )

const steps = (backend: Backend, run: string | undefined) =>
  Effect.gen(function*() {
    const row = yield* rowOf(backend, run)
    if (row === null) return []
    const entries = yield* backend.entries(row.id, 0, mostEntries)
    return unique(entries.flatMap((text) => Option.toArray(decodeStep(text))).map(({ key }) => candidate(key)))
  })

const artifacts = (backend: Backend, run: string | undefined) =>
  Effect.gen(function*() {
    const row = yield* rowOf(backend, run)
    if (row === null) return []
    const entries = yield* backend.entries(row.id, 0, mostEntries)
    return unique(
      entries.flatMap((text) => Option.toArray(decodeKeeping(text))).flatMap(({ artifacts, key }) =>
        artifacts.map(({ bytes, hash, mediaType, name }) =>
          candidate(name ?? hash, `${mediaType}, ${bytes} bytes, of step ${key}`)
        )
      )
    )
  })

const events = (backend: Backend) =>
  Effect.map(
    Effect.all([backend.definitions, backend.runs({ status: ["suspended"], reason: ["signal"], limit: most })]),
    ([definitions, rows]) =>
      unique([
        ...definitions.flatMap(({ document }) => Option.toArray(decodeContract(document))).flatMap(({ id, triggers }) =>
          triggers.flatMap((trigger) => trigger.type === "event" ? [candidate(trigger.event, `starts ${id}`)] : [])
        ),
        ...rows.flatMap(({ waits }) => Option.getOrElse(decodeWaits(waits), () => [])).flatMap(({ key }) =>
          key.startsWith("event:") ? [candidate(key.slice("event:".length), "a run waits for it")] : []
        )
      ])
  )

const mostEntries = 10_000

const decodeTexts = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.String)))
const decodeChoices = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ choices: Schema.Array(Schema.String) }))
)
const decodeOffer = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ standing: Schema.Struct({ rules: Schema.Array(Schema.String) }) }))
)
const decodeWaits = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Wait)))
const decodeStep = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ _tag: Schema.tag("StepRequested"), key: Schema.String }))
)
const decodeKeeping = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ key: Schema.String, artifacts: Schema.Array(Artifact) }))
)
const decodeContract = Schema.decodeUnknownOption(Schema.fromJsonString(Contract.Head))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const candidate = (value: string, text?: string): Candidate => ({
  value,
  ...(text === undefined || text === "" ? {} : { text: text.replace(/\s+/g, " ").slice(0, 60) })
})

const unique = (all: ReadonlyArray<Candidate>): ReadonlyArray<Candidate> =>
  Array.from(new Map(all.toReversed().map((one) => [one.value, one])).values()).toReversed()

/** Folders, with `/` at the end, and files with such names. */
const files = (current: string, wanted = /./): ReadonlyArray<Candidate> => {
  const folder = current.endsWith("/") || current === ""
    ? current
    : dirname(current) === "." && !current.startsWith("./")
    ? ""
    : `${dirname(current)}/`.replace("//", "/")
  const hidden = basename(current).startsWith(".") && !current.endsWith("/")
  try {
    return readdirSync(resolve(folder || ".")).filter((name) => hidden || !name.startsWith(".")).sort().flatMap(
      (name) => {
        const isFolder = statSync(join(folder || ".", name), { throwIfNoEntry: false })?.isDirectory() === true
        return isFolder ? [candidate(`${folder}${name}/`)] : wanted.test(name) ? [candidate(`${folder}${name}`)] : []
      }
    )
  } catch {
    return []
  }
}
