/**
 * Looks at a round that is over: sees its runs to their ends, reads what is
 * recorded of them, and holds it against what clients were told, what followers
 * heard and what bodies did.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { chance } from "../Chance.ts"
import { check, type Report } from "../check/Check.ts"
import { problemsOf as effectsOf } from "../check/Effects.ts"
import { type Part, read, type Target } from "../check/History.ts"
import { type Commits, type Note, problemsOf as heardOf } from "../check/Streams.ts"
import { api, insist } from "../clients/Api.ts"
import { Recorder } from "../clients/Recorder.ts"
import {
  dayOf,
  emit,
  endRun,
  raisesOf,
  scenesOf,
  signalled,
  stands,
  tenantHas,
  tenantOf,
  voting
} from "../clients/Scenes.ts"
import { inputOf, isOver } from "../clients/Stage.ts"
import { add, lease, look as lookAt, settle as settleTask, tasksOf } from "../clients/Tasks.ts"
import { folderOf, now, pause, type Setting, startOf } from "../Setting.ts"
import type { Receiver } from "../stage/Receiver.ts"
import { deeds } from "../world/Ledger.ts"
import { asked, type Entry, journal, type Row, runs } from "./Runs.ts"
import type { Schedules } from "./Schedules.ts"

/** What an audit knows of everything around it. */
export interface AuditOptions {
  readonly setting: Setting
  readonly db: string
  readonly cast: { readonly isGone: (life: string) => boolean; readonly wasEnded: (life: string) => boolean }
  readonly commits: Commits
  readonly schedules: Schedules
  readonly receiver: Pick<Receiver, "of" | "forget">
  /** How long a run of a round may take to its end once everything is said that it waits for. */
  readonly patienceMs: number
}

/** What was found. */
export interface Audited {
  readonly round: number
  readonly runs: number
  readonly history: Report
  /** Ms that answers took, by what was asked. */
  readonly latencies: Readonly<Record<string, ReadonlyArray<number>>>
  readonly problems: ReadonlyArray<string>
}

/** Audits a round; what was written of it is gone behind that, where nothing was wrong. That it cannot be audited is a problem too. */
export const audit = (options: AuditOptions, round: number): Promise<Audited> =>
  looked(options, round).catch((error: unknown) => ({
    round,
    runs: 0,
    history: check([]),
    latencies: {},
    problems: [`it could not be audited: ${error instanceof Error ? error.stack : String(error)}`]
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const looked = async (options: AuditOptions, round: number): Promise<Audited> => {
  const { cast, commits, setting } = options
  const folder = folderOf(setting.folder, "history", round)
  await clientsDone(folder, cast.isGone)
  const ask = api(setting, chance(setting.seed, "audit", round))
  const recorder = new Recorder(setting.folder, round, "audit")
  const problems: Array<string> = []

  const scenes = new Map<string, string>()
  const late = await settle(options, round, { ask, recorder, scenes })
  problems.push(
    ...late.map(({ id, reason, status, workflow }) =>
      `run ${id} of ${workflow} is ${status}${
        reason === undefined ? "" : ` (${reason})`
      }, and nothing is left that it could wait for`
    )
  )
  const rows = await rowsOf(ask, setting, round, scenes)
  const journals = new Map<string, ReadonlyArray<Entry>>()
  for (const row of rows) journals.set(row.id, await journal(ask, row.id))

  const done = Map.groupBy(deeds(setting.folder, round), ({ scene }) => scene)
  for (const row of rows) {
    const entries = journals.get(row.id)!
    const scene = row.labels?.["scene"] ?? ""
    const about = (problem: string) => `run ${row.id} of ${row.workflow} (${scene}): ${problem}`
    problems.push(...journalProblems(row, entries).map(about))
    if (commits.told(row.id) !== entries.length) await pause(2_000)
    if (commits.told(row.id) !== entries.length) {
      problems.push(about(`the stream of all runs told ${commits.told(row.id)} of its ${entries.length} entries`))
    }
    commits.forget(row.id)
    const acts = acting[row.workflow]
    if (acts === undefined) continue
    problems.push(...effectsOf(entries as never, done.get(scene) ?? [], acts, cast.wasEnded).map(about))
  }
  problems.push(...bookingProblems(options.db, rows))
  problems.push(...await options.schedules.audit(ask))
  problems.push(...await hookProblems(options, round))
  problems.push(...followers(folder, journals, rows, cast))
  await reads(setting, round, rows, journals, { ask, recorder })

  const parts = read(
    readdirSync(folder).filter((name) => name.endsWith(".ndjson")).map((name) => ({
      name,
      text: readFileSync(join(folder, name), "utf8")
    }))
  )
  const history = check(parts)
  problems.push(...history.problems)
  if (problems.length === 0) {
    rmSync(folder, { recursive: true })
    rmSync(folderOf(setting.folder, "ledger", round), { recursive: true, force: true })
  }
  return { round, runs: rows.length, history, latencies: latenciesOf(parts), problems }
}

type Asking = { readonly ask: ReturnType<typeof api>; readonly recorder: Recorder }

/** Until every client that plays in a round has said that it is done, or has died. */
const clientsDone = async (folder: string, isGone: (life: string) => boolean): Promise<void> => {
  const isDone = () => {
    if (!existsSync(folder)) return true
    const names = readdirSync(folder)
    return names.filter((name) => name.endsWith(".ndjson")).map((name) => name.slice(0, -".ndjson".length))
      .every((life) => names.includes(`${life}.done`) || isGone(life))
  }
  while (!isDone()) await pause(100)
}

/** The runs of a round: those that clients started, and those that events of it did, which have no labels. */
const rowsOf = async (
  ask: Asking["ask"],
  setting: Setting,
  round: number,
  scenes: Map<string, string>
): Promise<ReadonlyArray<Row>> => {
  const rows = [...await runs(ask, `label=round%3D${round}`)]
  const since = Date.now() - (now() - startOf(setting, round)) / 1e6 - setting.roundMs
  for (const row of await runs(ask, `workflow=placed&since=${Math.round(since)}`)) {
    if (!scenes.has(row.id)) {
      const text = JSON.stringify(await asked(ask, `/runs/${row.id}/journal?limit=1`))
      scenes.set(row.id, /r\d+-placed-\d+/.exec(text)?.[0] ?? "")
    }
    const scene = scenes.get(row.id)!
    if (scene.startsWith(`r${round}-`)) rows.push({ ...row, labels: { scene } })
  }
  return rows
}

const eventScenes = (setting: Setting, round: number): ReadonlyArray<string> =>
  scenesOf(setting, round).map(({ name }) => name).filter((name) => kindOf(name) === "placed")

const kindOf = (scene: string): string => scene.split("-")[1]!

/** Says to runs what they wait for, until all have ended; gives back those that have not in time. */
const settle = async (
  { patienceMs, setting }: AuditOptions,
  round: number,
  { ask, recorder, scenes }: Asking & { readonly scenes: Map<string, string> }
): Promise<ReadonlyArray<Row>> => {
  for (const scene of eventScenes(setting, round)) await emit({ ask, recorder, round }, scene, "placed")
  const tasks = scenesOf(setting, round).map(({ name }) => name).filter((name) => kindOf(name) === "tasks")
    .flatMap((scene) => tasksOf(scene).map((task) => ({ scene, task })))
  for (const { scene, task } of tasks) await add({ ask, recorder, round }, scene, task)
  const end = Date.now() + patienceMs
  while (true) {
    const rows = await rowsOf(ask, setting, round, scenes)
    const open = rows.filter(({ status }) => !isOver(status))
    const isWhole = eventScenes(setting, round).every((scene) => rows.some(({ labels }) => labels?.["scene"] === scene))
    // Those that are left of the round; what is somebody else's is not settled twice.
    for (const held of await lease({ ask, recorder, round }, "audit", 20)) {
      await settleTask({ ask, recorder }, held, "completed")
    }
    const waiting = await openTasks(ask, tasks)
    if (open.length === 0 && isWhole && waiting.length === 0) return []
    if (Date.now() > end) return [...open, ...waiting]
    for (const row of open) await say(row, { ask, recorder, round })
    await pause(400)
  }
}

/** Tasks of a round that have not ended. */
const openTasks = async (
  ask: Asking["ask"],
  tasks: ReadonlyArray<{ readonly scene: string; readonly task: string }>
): Promise<ReadonlyArray<Row>> => {
  const open: Array<Row> = []
  for (const { scene, task } of tasks) {
    const { status } = await asked(ask, `/tasks/${task}`)
    if (!isOver(status)) {
      open.push({ id: task, workflow: "task", status: status as string, labels: { scene }, waits: [] })
    }
  }
  return open
}

/** Says to a run what it waits for. */
const say = async (
  { id, labels, status, waits, workflow }: Row,
  { ask, recorder, round }: Asking & { readonly round: number }
): Promise<void> => {
  const scene = labels?.["scene"] ?? ""
  if (status !== "suspended") return
  switch (workflow) {
    case "vote":
      await recorder.operation(
        { kind: "question", object: scene, settings: voting },
        { do: "answer", by: "cy", decision: "deny" },
        () =>
          ask({
            method: "POST",
            path: `/approvals/${encodeURIComponent(`${id}/vote`)}/answers`,
            as: "cy",
            body: { decision: "deny" }
          }),
        (replied) => stands(replied, "taken")
      )
      return
    case "inbox":
      await recorder.operation(
        { kind: "signal", object: `${scene}:stop`, settings: { run: id } },
        { do: "send", payload: "stop" },
        () => ask({ method: "POST", path: `/runs/${id}/signals/note`, body: { id: `${scene}:stop`, payload: "stop" } }),
        signalled
      )
      return
    case "held": {
      const [, object, key] = /^(.*)-(k\d+)$/.exec(scene)!
      await endRun({ ask, recorder }, { kind: "quota", object: object! }, { key: key!, run: id })
      return
    }
    case "placed":
      // It is there, so this is not from before it was started.
      await emit({ ask, recorder, round }, scene, "moved-again")
      return
    default:
      for (const { key, reason } of waits) {
        if (reason !== "outcome-unknown") continue
        await insist(ask, {
          method: "POST",
          path: `/runs/${id}/steps/${encodeURIComponent(key)}/settle`,
          body: { _tag: "complete", output: key }
        }, 5_000)
      }
  }
}

/** Workflows whose bodies write down what they do, and in which steps. */
const acting: Readonly<Record<string, (key: string) => boolean>> = {
  order: (key) => key !== "book",
  watcher: (key) => key.startsWith("Look"),
  placed: (key) => key === "pack" || key === "file"
}

/** A journal begins with its request, has every number once, and ends with an end that is none of the world's making. */
const journalProblems = ({ status, workflow }: Row, entries: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  if (entries.some(({ seq }, index) => seq !== index)) problems.push("its journal has a gap, or an entry twice")
  if (entries[0]?._tag !== "RunRequested") problems.push(`its journal begins with ${entries[0]?._tag}`)
  const wanted = workflow === "held" ? "cancelled" : "completed"
  if (isOver(status) && status !== wanted) {
    problems.push(`it is ${status} and not ${wanted}: ${JSON.stringify(entries.at(-1)).slice(0, 500)}`)
  }
  return problems
}

/** What `commit-together` steps did to a table of the same file: there once where the step is, and not where it is not. */
const bookingProblems = (db: string, rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const orders = rows.filter(({ status, workflow }) => workflow === "order" && status === "completed")
  if (orders.length === 0) return []
  const database = new DatabaseSync(db, { readOnly: true, timeout: 10_000 })
  try {
    const count = database.prepare("SELECT count(*) AS count FROM soak_bookings WHERE scene = ?")
    return orders.flatMap(({ labels }) => {
      const booked = count.get(labels!["scene"]!)!["count"]
      return booked === 1 ? [] : [`order ${labels!["scene"]} is booked ${booked} times`]
    })
  } finally {
    database.close()
  }
}

/** Each event of a round came to whoever is told of them as one message, however often it was sent. */
const hookProblems = async (
  { patienceMs, receiver, setting }: AuditOptions,
  round: number
): Promise<ReadonlyArray<string>> => {
  const scenes = eventScenes(setting, round)
  const end = Date.now() + patienceMs
  while (Date.now() < end && scenes.some((scene) => receiver.of(scene).taken.size === 0)) await pause(200)
  return scenes.flatMap((scene) => {
    const { requests, taken } = receiver.of(scene)
    receiver.forget(scene)
    return taken.size === 1
      ? []
      : [`the event of ${scene} was told as ${taken.size} messages in ${requests} requests`]
  })
}

/** What those heard who followed a run. */
const followers = (
  folder: string,
  journals: ReadonlyMap<string, ReadonlyArray<Entry>>,
  rows: ReadonlyArray<Row>,
  { isGone }: AuditOptions["cast"]
): ReadonlyArray<string> => {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter((name) => name.endsWith(".followed")).flatMap((name) => {
    const life = name.slice(0, -".followed".length)
    const notes = readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1).map((line) =>
      JSON.parse(line) as Note
    )
    return [...Map.groupBy(notes, ({ run }) => run)].flatMap(([run, notes]) => {
      const entries = journals.get(run)
      const status = rows.find(({ id }) => id === run)?.status
      if (entries === undefined || status === undefined) return [`${life} followed run ${run}, which is in no list`]
      const journal = { status, tags: entries.map(({ _tag }) => _tag), endedAt: entries.at(-1)!["at"] as number }
      return heardOf(notes, journal, isGone(life) || !names.includes(`${life}.done`))
        .map((problem) => `${life} followed run ${run}: ${problem}`)
    })
  })
}

/** Reads everything once more of which clients were told, as the last operation on each object. */
const reads = async (
  setting: Setting,
  round: number,
  rows: ReadonlyArray<Row>,
  journals: ReadonlyMap<string, ReadonlyArray<Entry>>,
  { ask, recorder }: Asking
): Promise<void> => {
  const insisted = (path: string, as?: string) => async () => {
    const replied = await insist(ask, { path, ...(as === undefined ? {} : { as }) }, 60_000)
    if (replied === undefined) throw new Error(`nobody answered ${path}`)
    return replied
  }
  const journaled = (target: Target, call: unknown, output: unknown) =>
    recorder.operation(target, call, () => Promise.resolve(), () => output)
  for (const { id, labels, status, workflow } of rows) {
    const scene = labels?.["scene"] ?? ""
    const entries = journals.get(id)!
    if (workflow !== "held" && workflow !== "placed") {
      await recorder.operation(
        { kind: "start", object: scene },
        { do: "look", run: id },
        insisted(`/runs/${id}`),
        inputOf
      )
    }
    if (!isOver(status)) continue
    if (workflow === "vote") {
      const end = entries.at(-1)!
      const answers = entries.filter(({ _tag }) => _tag === "ApprovalAnswered")
        .map(({ by, decision }) => `${by} ${decision}`)
      await journaled({ kind: "question", object: scene, settings: voting }, { do: "verdict" }, {
        said: "stands",
        stands: { status: end["output"], answers }
      })
    }
    if (workflow === "inbox") {
      const ids = ["0", "1", "2", "3", "stop"].map((number) => `${scene}:${number}`)
      for (const signal of ids) {
        await journaled({ kind: "signal", object: signal, settings: { run: id } }, { do: "read" }, {
          said: "journal",
          payloads: entries.flatMap((entry) => entry["id"] === signal ? [payloadOf(entry)] : [])
        })
      }
    }
  }
  for (const { name } of scenesOf(setting, round)) {
    switch (kindOf(name)) {
      case "quota":
        await recorder.operation(
          { kind: "quota", object: name },
          { do: "look" },
          insisted(`/tenants/${tenantOf(name)}`, "root"),
          tenantHas
        )
        break
      case "raise": {
        const day = Date.parse(dayOf(name))
        await recorder.operation(
          { kind: "raise", object: name },
          { do: "look" },
          insisted(`/spending/raises?since=${day}&until=${day}&limit=500`),
          raisesOf
        )
        break
      }
      case "tasks":
        for (const task of tasksOf(name)) await lookAt({ ask, recorder }, task, true)
        break
      case "placed": {
        const count = rows.filter(({ labels, workflow }) => workflow === "placed" && labels?.["scene"] === name).length
        await journaled({ kind: "event", object: `${name}-placed`, settings: { starts: true } }, { do: "read" }, {
          said: "read",
          runs: count
        })
      }
    }
  }
}

/** What a signal said, as the journal has it; one that came too late stands there with all that was sent. */
const payloadOf = (entry: Entry): unknown =>
  entry._tag === "SignalReceived" ? entry["payload"] : (entry["message"] as { readonly payload?: unknown })?.payload

/** How long each kind of call took that clients had an answer to; not what waits for the end of a run. */
const latenciesOf = (parts: ReadonlyArray<Part>): Audited["latencies"] => {
  const found: Record<string, Array<number>> = {}
  for (const { operations, target } of parts) {
    for (const { answer, call, client, input } of operations) {
      const asked = (input as { readonly do?: string }).do ?? "ask"
      if (answer === undefined || asked === "end" || client.startsWith("audit")) continue
      const name = `${target.kind} ${asked}`
      found[name] = [...found[name] ?? [], (answer.at - call) / 1e6]
    }
  }
  return found
}
