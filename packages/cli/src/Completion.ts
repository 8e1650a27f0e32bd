/**
 * What can stand at the end of a line of words: commands, options, files, and
 * what is known where the runs are. It never fails and never writes: where
 * nothing can be said, nothing is offered.
 */
import { isOfRun } from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import { readdirSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { defaultDb, serverOf } from "./Globals.ts"
import * as CommandLine from "./internal/CommandLine.ts"
import type { Known, KnownQuestion, KnownRun } from "./Known.ts"
import * as ServerPlace from "./ServerPlace.ts"
import type { Side } from "./Sides.ts"
import * as Words from "./Words.ts"

/** A word that may come next, with a text about it. */
export interface Candidate {
  readonly value: string
  readonly text?: string
}

/** The commands that there are. */
export interface Commands {
  readonly root: CommandLine.Command
  /** The options of every command. */
  readonly everywhere: ReadonlyArray<CommandLine.Option>
  readonly sideOf: (path: ReadonlyArray<string>) => Side
}

/** What may follow the words in place of the last one, which may be empty. */
export const candidates = (
  { everywhere, root, sideOf }: Commands,
  words: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Candidate>> => {
  const current = words.at(-1) ?? ""
  const at = CommandLine.placeOf(root, everywhere, words.slice(0, -1))
  const place: Place = { ...at, side: sideOf(at.path) }
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

interface Place extends CommandLine.Place {
  readonly side: Side
}

/** The options, or behind `--name=` its values. */
const attached = (place: Place, everywhere: ReadonlyArray<CommandLine.Option>, current: string): Offer => {
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

const ofOption = (place: Place, { name, type }: CommandLine.Option, current: string): Offer => {
  if (type._tag === "Choice") return Effect.succeed(type.values.map((value) => candidate(value)))
  switch (name) {
    case "db":
    case "config":
    case "token-file":
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
      return known(place, (known) => runs(known))
    case "at":
      return known(place, (known) => ofRun(place, known.steps, (key) => candidate(key)))
    case "as":
      return known(place, approvers)
    case "choice":
      return known(place, (known) => asked(known, place, ({ choices }) => choices))
    case "always":
      return known(place, (known) => asked(known, place, ({ standing }) => standing?.rules ?? []))
    case "agent":
      return known(place, (known) => list(known.rules, ({ agent }) => [candidate(agent)]))
    case "workspace":
      return known(place, (known) => list(known.rules, ({ workspace }) => [candidate(workspace)]))
    case "event-name":
      return known(place, events)
    default:
      return Effect.succeed([])
  }
}

const ofArgument = (place: Place, current: string): Offer => {
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
      return known(place, (known) => runs(known, actsOnOpenRuns.has(path.at(-1) ?? "") ? open : undefined))
    case "run-or-approval":
      return known(place, questions)
    case "step":
      return known(
        place,
        (known) =>
          waits(
            place,
            known,
            (wait) => wait.reason === "outcome-unknown" || (wait.reason === "recovery" && !isOfRun(wait))
          )
      )
    case "rule":
      return known(
        place,
        (known) => list(known.rules, ({ agent, by, id, rule }) => [candidate(id, `${rule} for ${agent}, by ${by}`)])
      )
    case "token":
      return known(place, (known) => list(known.tokens, ({ id, name }) => [candidate(id, `of ${name}`)]))
    case "artifact":
      return known(
        place,
        (known) =>
          ofRun(
            place,
            known.artifacts,
            ({ bytes, hash, mediaType, name, step }) =>
              candidate(name ?? hash, `${mediaType}, ${bytes} bytes, of step ${step}`)
          )
      )
    case "name":
      return known(
        place,
        (known) => waits(place, known, ({ key, reason }) => reason === "signal" && !key.startsWith("event:"))
      )
    case "event":
      return known(place, events)
    default:
      return Effect.succeed([])
  }
}

const actsOnOpenRuns: ReadonlySet<string> = new Set(["signal", "cancel", "pause", "resume", "settle"])
const open = ["queued", "running", "suspended"] as const

// ----------------------------------------------------------------------------
// what is known where the runs are
// ----------------------------------------------------------------------------

/** Whoever waits for a word that a server knows does not wait longer (ms). */
const patienceMs = 2_000

const known = (place: Place, ask: (known: Known) => Effect.Effect<ReadonlyArray<Candidate>, unknown>): Offer =>
  Effect.scoped(Effect.gen(function*() {
    const { options, path, side } = place
    const option = (name: string): string | undefined => options.get(name)
    const lease = option("lease")
    const tenant = option("tenant") ?? (process.env["FERMATA_TENANT"] || undefined)
    const server = yield* ServerPlace.read({
      typed: { path, side },
      options: {
        server: option("server"),
        tokenFile: option("token-file"),
        db: option("db"),
        as: option("as"),
        model: option("model"),
        lease: lease === undefined ? undefined : Number(lease)
      },
      env: process.env,
      configured: serverOf(option("config"), [process.cwd()])
    })
    if (server !== undefined) {
      const { open } = yield* Effect.promise(() => import("./remote/KnownThere.ts"))
      return yield* Effect.flatMap(open(server, tenant), ask).pipe(
        Effect.timeoutOrElse({ duration: patienceMs, orElse: () => Effect.succeed([]) })
      )
    }
    const { open } = yield* Effect.promise(() => import("./KnownHere.ts"))
    const found = yield* open(option("db") ?? (process.env["FERMATA_DB"] || defaultDb), tenant)
    return found === undefined ? [] : yield* ask(found)
  })).pipe(Effect.catchCause(() => Effect.succeed([])))

const list = <A>(all: Effect.Effect<ReadonlyArray<A>, unknown>, offer: (one: A) => ReadonlyArray<Candidate>) =>
  Effect.map(all, (all) => unique(all.flatMap(offer)))

/** What a list of the run that stands first in the line holds. */
const ofRun = <A>(
  { operands: [run] }: Place,
  all: (run: string) => Effect.Effect<ReadonlyArray<A>, unknown>,
  offer: (one: A) => Candidate
) => run === undefined ? Effect.succeed([]) : list(all(run), (one) => [offer(one)])

const runs = ({ runs }: Known, status?: Parameters<Known["runs"]>[0]) =>
  list(runs(status), (run) => [candidate(run.id, aboutRun(run))])

const aboutRun = (run: KnownRun): string =>
  `${Words.definition(run)} ${run.status}${run.reason === undefined ? "" : ` (${run.reason})`}`

const workflows = ({ workflows }: Known) => list(workflows, ({ kind, name }) => [candidate(name, kind)])

const questions = ({ questions }: Known) =>
  Effect.map(questions(), (open) => {
    const byRun = Map.groupBy(open, ({ runId }) => runId)
    return open.map(({ key, prompt, runId }) =>
      candidate((byRun.get(runId)?.length ?? 0) > 1 ? `${runId}/${key}` : runId, prompt)
    )
  })

const approvers = ({ questions }: Known) =>
  list(questions(), ({ approvers }) => approvers.map((name) => candidate(name)))

/** What the questions of the run that stands first in the line let choose. */
const asked = (
  { questions }: Known,
  { operands: [runOrApproval] }: Place,
  offer: (question: KnownQuestion) => ReadonlyArray<string>
) => list(questions(runOrApproval?.split("/")[0]), (question) => offer(question).map((text) => candidate(text)))

const waits = (place: Place, { waits }: Known, wanted: (wait: Wait) => boolean) =>
  ofRun(
    place,
    (run) => Effect.map(waits(run), (all) => all.filter(wanted)),
    ({ detail, key }) => candidate(key, detail)
  )

const events = ({ awaited, triggers }: Known) =>
  Effect.map(
    Effect.all([triggers, awaited]),
    ([triggers, awaited]) =>
      unique([
        ...triggers.map(({ contract, event }) => candidate(event, `starts ${contract}`)),
        ...awaited.map((event) => candidate(event, "a run waits for it"))
      ])
  )

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
