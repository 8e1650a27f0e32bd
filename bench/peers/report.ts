/** Medians of the rounds and their ratios to the floor, as a Markdown table. */
import { existsSync, readFileSync } from "node:fs"
import { cpus, totalmem, type } from "node:os"
import { join } from "node:path"
import { contenders, type Entry, floorOf } from "./contenders.ts"
import { longOf, type Readings, sizes } from "./workloads.ts"

export interface Reading {
  readonly round: number
  readonly workload: string
  readonly contender: string
  /** Load average of the last minute when it was taken. */
  readonly load: number
  readonly readings?: Readings
  readonly error?: string
}

export interface Results {
  readonly readings: ReadonlyArray<Reading>
  readonly leftOut: ReadonlyArray<{ readonly title: string; readonly reason: string }>
  readonly rounds: number
  readonly began: Date
  readonly minutes: number
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

const short = (value: number) =>
  Math.abs(value) >= 1_000
    ? Math.round(value).toLocaleString("en-US")
    : String(Number(value.toPrecision(value >= 100 ? 3 : 2)))

interface Column {
  readonly title: string
  readonly workload: string
  /** What is measured: a cost, so that more is worse. */
  readonly key: string
  /** How it is shown. */
  readonly show: (value: number) => string
  readonly ratio: boolean
}

const perSecond = (ms: number) => short(1_000 / ms)
const columns: ReadonlyArray<Column> = [
  { title: "W1 runs/s, one at a time", workload: "W1", key: "oneMs", show: perSecond, ratio: true },
  { title: "p50 ms", workload: "W1", key: "p50", show: short, ratio: false },
  { title: "p99 ms", workload: "W1", key: "p99", show: short, ratio: false },
  { title: "W1 runs/s, 50 at once", workload: "W1", key: "concurrentMs", show: perSecond, ratio: true },
  { title: "W2 steps/s", workload: "W2", key: "stepMs", show: perSecond, ratio: true },
  { title: "last/first tenth", workload: "W2", key: "growth", show: short, ratio: false },
  { title: "W3 ms", workload: "W3", key: "wideMs", show: short, ratio: true },
  { title: "W4 bytes/run", workload: "W4", key: "bytes", show: short, ratio: true },
  { title: "W4 resumes/s", workload: "W4", key: "resumeMs", show: perSecond, ratio: true },
  { title: "W5 ms to the first new step", workload: "W5", key: "recoverMs", show: short, ratio: true },
  { title: "bodies again", workload: "W5", key: "again", show: short, ratio: false },
  { title: "W6 ms", workload: "W6", key: "startMs", show: short, ratio: true }
]

const versionOf = (name: string | undefined): string => {
  if (name === undefined) return "–"
  const file = ["node_modules", "../../node_modules"].map((folder) =>
    join(import.meta.dirname, folder, name, "package.json")
  ).find(existsSync)
  return file === undefined ? "–" : (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version
}

export const markdown = ({ readings, leftOut, rounds, began, minutes }: Results): string => {
  const shown = contenders.filter(({ name }) => readings.some(({ contender }) => contender === name))
  const notes: Array<string> = []
  const cell = (entry: Entry, { key, ratio, show, workload }: Column): string => {
    const own = readings.filter((reading) => reading.contender === entry.name && reading.workload === workload)
    if (own.length === 0) return "–"
    const error = own.find((reading) => reading.error !== undefined)
    const good = own.filter((reading) => reading.readings !== undefined)
    if (error !== undefined) {
      const note = `${entry.title}, ${workload}: ${own.length - good.length} of ${own.length} rounds failed: ${
        error.error!.split("\n")[0]
      }`
      if (!notes.includes(note)) notes.push(note)
    }
    if (good.length === 0) return "failed"
    const value = median(good.map((reading) => reading.readings![key]!))
    const ratios = good.flatMap((reading) => {
      const floor = readings.find((other) =>
        other.contender === floorOf[entry.durability] && other.workload === workload && other.round === reading.round
      )?.readings?.[key]
      return floor === undefined || floor === 0 ? [] : [reading.readings![key]! / floor]
    })
    if (key === "bytes" && entry.durability === "none") return "–"
    return ratio && ratios.length > 0 ? `${show(value)} (${short(median(ratios))}x)` : show(value)
  }
  const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const loads = readings.map(({ load }) => load)
  const shorter = shown.filter((entry) => entry.long !== undefined)
  const processors = cpus()
  const shared = median(loads) > processors.length
  return [
    "# Peers, side by side",
    "",
    `Written by \`npm run bench:peers\` on ${began.toISOString().slice(0, 10)}, Node ${process.version}, ${rounds} ${
      rounds === 1 ? "round" : "rounds"
    } in ${short(minutes)} minutes.`,
    `Machine: ${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"}), ${
      Math.round(totalmem() / 2 ** 30)
    } GB, ${type()}.`,
    "",
    `**${shared ? "The machine was shared: its" : "Its"} load average was between ${short(Math.min(...loads))} and ${
      short(Math.max(...loads))
    } on ${processors.length} cores. Only the ratios count, and they roughly.**`,
    "",
    "Each figure is the median of the rounds. In brackets is its cost, in time or in bytes, as a multiple of the cost of the floor of the same durability in the same round (median again): 3x is three times as slow or as large, below 1x is better than the floor.",
    "",
    row(["contender", "version", "durability", ...columns.map(({ title }) => title)]),
    row(["---", "---", "---", ...columns.map(() => "---")]),
    ...shown.map((entry) =>
      row([entry.title, versionOf(entry.package), entry.durability, ...columns.map((column) => cell(entry, column))])
    ),
    "",
    ...leftOut.map(({ reason, title }) => `- Left out: ${title}. ${reason}`),
    ...notes.map((note) => `- ${note}`),
    ...(leftOut.length + notes.length > 0 ? [""] : []),
    "## What is measured",
    "",
    "A step returns about 200 bytes of JSON. Every measurement is a process of its own with a database of its own; a round asks all contenders for one workload in turn. Bodies are counted, and a measurement in which too few or too many ran has failed.",
    "",
    `- W1: a run of 5 steps, one after another. ${sizes().singles} runs one at a time, then ${sizes().concurrent} runs 50 at a time.`,
    `- W2: one run of ${
      short(sizes().long)
    } steps, one after another, and how much longer a step of the last tenth takes than one of the first.`,
    `- W3: one run of ${sizes().wide} steps at once; the median of three runs.`,
    `- W4: ${
      short(sizes().waiting)
    } runs that do a step and then wait for a signal: bytes on disk for each, and how fast all of them end once they are signalled, 50 at a time.`,
    `- W5: \`kill -9\` while the body of the middle step of such a run of ${
      short(sizes().killed)
    } steps runs, and at once a new process: from its start to the first step that had not run before, and how many bodies ran a second time. The one that was cut short is among them, so 1 is the least. Servers stay up.`,
    "- W6: from the start of a process, with an empty database, to the end of its first run of 5 steps. Servers are up.",
    "",
    "## How to read it",
    "",
    "- The floor is a journal by hand on `node:sqlite`, one commit for each step. It knows no timers, no owners, no retries and no recovery: a limit, not a product.",
    "- `FULL`: an acknowledged step survives power loss. `NORMAL`: it survives the death of the process. `none`: it survives nothing. PostgreSQL and Restate run as they come, with fsync on, and are counted as `FULL`.",
    "- Fermata runs from its TypeScript sources, which Node strips of types as it loads them; that is part of W6.",
    "- In W5 Fermata frees the runs of a process that is gone from the same machine at once; for one elsewhere it waits for the lease, 10 seconds unless `leaseMs` says otherwise. LangGraph and Mastra have no owners: whoever starts them again says which run is to go on. DBOS takes up at its start what its own executor left behind, and Restate calls the new process as soon as it answers.",
    "- When the disk is slow to sync, as it is on a shared machine, a commit costs so much that what an engine does besides hardly shows under `FULL`. The `NORMAL` rows show it.",
    "- Mastra's store asks for `NORMAL` when it is opened, and is counted as `NORMAL`. That its rows with many runs at once cost like `FULL` may come from further connections that do not ask; this was not looked into.",
    "- LangGraph's functional API writes while the next step already runs (its default, `durability: \"async\"`).",
    ...shorter.map((entry) =>
      `- ${entry.title}: W2 and W5 with ${
        longOf(entry, "W2")
      } steps only, because each of its steps costs more than the one before; the figure flatters it.`
    ),
    ""
  ].join("\n")
}
