import { StoredJson } from "@fermata/core"
import { Engine } from "@fermata/engine"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { Effect, Result } from "effect"
import { spawnSync } from "node:child_process"
import { statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { agents } from "./agents.ts"
import { chunks } from "./chunks.ts"
import { command, compile, install } from "./command.ts"
import { events } from "./events.ts"
import { type Figure, figure, time } from "./measure.ts"
import { reader } from "./reader.ts"
import { retention } from "./retention.ts"
import { stalls } from "./stalls.ts"
import { host, marks, raw, remove, Sequential, Wide } from "./subject.ts"
import { tasks } from "./tasks.ts"
import { telemetry } from "./telemetry.ts"

export interface Settings {
  readonly folder: string
  readonly rounds: number
  /** 1 for the full sizes. */
  readonly scale: number
}
export type Case = (settings: Settings) => Promise<ReadonlyArray<Figure>>

const steps: Case = async ({ folder, rounds, scale }) => {
  const figures: Array<Figure> = []
  for (const synchronous of ["FULL", "NORMAL"] as const) {
    const n = Math.ceil(2_000 * scale)
    const db = join(folder, "steps.db")
    remove(db)
    const runtime = host(db, { synchronous })
    const sequential: Array<number> = []
    const concurrent: Array<number> = []
    const wide: Array<number> = []
    let rawMs = 0
    let stepMs = 0
    await runtime.runPromise(Sequential.execute({ id: "warm-up", n }))
    for (let round = 0; round < rounds; round++) {
      const before = raw(join(folder, "raw.db"), synchronous, n)
      const each = (await time(() => runtime.runPromise(Sequential.execute({ id: `s${round}`, n })))) / n
      const after = raw(join(folder, "raw.db"), synchronous, n)
      rawMs = (before + after) / 2
      stepMs = each
      sequential.push(each / rawMs)
      const runs = Array.from({ length: 50 }, (_, i) => i)
      const length = Math.ceil(100 * scale)
      const all = await time(() =>
        runtime.runPromise(
          Effect.forEach(runs, (i) => Sequential.execute({ id: `c${round}-${i}`, n: length }), {
            concurrency: "unbounded",
            discard: true
          })
        )
      )
      concurrent.push((50 * length * after) / all)
      const width = Math.ceil(500 * scale)
      const broad = await time(() => runtime.runPromise(Wide.execute({ id: `w${round}`, n: width })))
      wide.push(broad / (width * after))
    }
    await runtime.dispose()
    const readings = { "raw ms": rawMs, "step ms": stepMs }
    figures.push(
      figure(`sequential step, ${synchronous}`, "raw commit", "raw commits", sequential, {
        kind: "at most",
        value: synchronous === "FULL" ? 1.5 : 2.5
      }, readings)
    )
    if (synchronous === "FULL") {
      figures.push(
        figure("50 concurrent runs, FULL", "raw commit rate", "x raw commit rate", concurrent, {
          kind: "at least",
          value: 5
        }),
        figure("500 parallel steps, FULL", "500 raw commits", "of 500 raw commits", wide, {
          kind: "at most",
          value: 1 / 3
        })
      )
    }
  }
  return figures
}

const long: Case = async ({ folder, rounds, scale }) => {
  const n = Math.ceil(10_000 * scale)
  const growth: Array<number> = []
  const recovery: Array<number> = []
  let recoverMs = 0
  let readMs = 0
  for (let round = 0; round < rounds; round++) {
    const db = join(folder, "long.db")
    remove(db)
    const runtime = host(db, { synchronous: "NORMAL" })
    const id = await runtime.runPromise(
      Sequential.execute({ id: "warm-up", n: 500 }).pipe(Effect.andThen(Sequential.executionId({ id: "long", n })))
    )
    await runtime.runPromise(Sequential.execute({ id: "long", n }))
    const tenth = (k: number) => marks[k + 1]! - marks[k]!
    growth.push(tenth(9) / Math.max(tenth(1), tenth(2)))
    await runtime.dispose()
    // As if the process had died before the last step: its outcome and all that follows are taken away.
    const read = () => entriesOf(db, [id])
    readMs = await time(read)
    for (let k = 0; k < 3; k++) readMs = Math.min(readMs, await time(read))
    const back = host(db, { synchronous: "NORMAL", worker: false })
    await back.runPromise(Effect.void)
    const reopened = new DatabaseSync(db)
    cutAfter(reopened, id)
    reopened.close()
    recoverMs = await time(() =>
      back.runPromise(
        Effect.andThen(
          Effect.flatMap(Engine.Engine, (engine) => engine.adopt(id)),
          Sequential.execute({ id: "long", n })
        )
      )
    )
    recovery.push(recoverMs / readMs)
    await back.dispose()
  }
  return [
    figure("per-step cost over 10,000 steps", "its second or third tenth", "last / early tenth", growth, {
      kind: "at most",
      value: 1.1
    }),
    figure("recovery of a 10,000-step run", "reading and parsing its rows", "x read and parse", recovery, {
      kind: "at most",
      value: 3
    }, {
      "recovery ms": recoverMs,
      "read and parse ms": readMs
    })
  ]
}

/** What the journals of these runs say, read from the file alone. */
const entriesOf = (file: string, runs: ReadonlyArray<string>): Promise<Array<Readonly<Record<string, unknown>>>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const backend = yield* SqliteBackend.make({ file, readOnly: "untouched" })
    const entries: Array<Readonly<Record<string, unknown>>> = []
    for (const run of runs) {
      for (const entry of yield* backend.entries(run, 0, Infinity)) entries.push(JSON.parse(entry))
    }
    return entries
  })))

/** Takes back the end of a run and its last outcome, which share a row, so that the run has one step to do. */
const cutAfter = (db: DatabaseSync, id: string) => {
  const { key } = db.prepare("SELECT key FROM runs WHERE id = ?").get(id) as { readonly key: number }
  const { entries, last } = db.prepare("SELECT last, entries FROM journal WHERE run = ? ORDER BY arrival DESC LIMIT 1")
    .get(key) as { readonly last: number; readonly entries: string }
  if (entries.split("\n").length !== 2) throw new Error(`the last row of the run is "${entries}"`)
  for (const table of ["journal", "places"]) {
    db.prepare(`DELETE FROM ${table} WHERE run = ? AND last >= ?`).run(key, last)
  }
  db.prepare("UPDATE placed SET upto = min(upto, (SELECT max(arrival) FROM journal))").run()
  db.prepare("UPDATE runs SET status = 'running', owner = NULL, due_at = 0 WHERE id = ?").run(id)
}

const suspended: Case = async ({ folder, rounds, scale }) => {
  const count = Math.ceil(100_000 * scale)
  const db = join(folder, "suspended.db")
  const empty = join(folder, "empty.db")
  // Each in a process that does nothing else, from the packages as they are published. When the platform collects
  // garbage is its own affair, so more than one is looked at. How far it lets its heap grow before, and how many of the
  // pages it has freed it keeps, goes by the memory of the machine, so it is told what a small one would give it.
  const program = await compile("many-runs.ts", install(folder))
  const made = Array.from({ length: Math.min(rounds, 3) }, () => {
    remove(db)
    const { status, stdout } = spawnSync(process.execPath, ["--max-old-space-size=512", program, db, `${count}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"]
    })
    if (status !== 0) throw new Error(`the process that makes runs ended with ${status}`)
    return JSON.parse(stdout) as { readonly before: number; readonly rss: number; readonly ms: number }
  })
  const least = made.reduce((least, each) => each.rss < least.rss ? each : least)
  const bytes = statSync(db).size / count
  const payloads = (await payloadBytes(db)) / count
  const bare = host(empty)
  await bare.runPromise(Effect.void)
  await bare.dispose()
  const start = (file: string) =>
    time(() => {
      const result = spawnSync(process.execPath, [
        join(import.meta.dirname, "../packages/cli/src/bin.ts"),
        "worker",
        "--until-idle",
        "--db",
        file
      ], { stdio: "ignore" })
      if (result.status !== 0) throw new Error(`the worker ended with ${result.status}`)
    })
  const ratios: Array<number> = []
  for (let round = 0; round < rounds; round++) ratios.push((await start(db)) / (await start(empty)))
  return [
    figure("worker start, 100,000 suspended runs", "worker start on an empty file", "x empty file", ratios, {
      kind: "at most",
      value: 1.3
    }),
    figure("memory of the process that made them", "500 MB", "of 500 MB", made.map(({ rss }) => rss / 500e6), {
      kind: "at most",
      value: 1
    }, {
      "rss MB": least.rss / 1e6,
      "rss before MB": least.before / 1e6,
      "runs per second": (count / least.ms) * 1_000
    }),
    figure("disk per suspended run, beyond payloads", "1,000 bytes", "of 1,000 bytes", [(bytes - payloads) / 1_000], {
      kind: "at most",
      value: 1
    }, { "bytes per run": bytes, "of them payloads": payloads })
  ]
}

/** Bytes of what the runs were given and what their steps answered. */
const payloadBytes = async (file: string): Promise<number> => {
  const db = new DatabaseSync(file, { readOnly: true })
  const runs = (db.prepare("SELECT id FROM runs").all() as unknown as Array<{ readonly id: string }>).map(({ id }) =>
    id
  )
  db.close()
  let bytes = 0
  for (const { input, output, payload } of await entriesOf(file, runs)) {
    for (const value of [input, output, payload]) if (value !== undefined) bytes += JSON.stringify(value).length
  }
  return bytes
}

const startUp: Case = async ({ folder, rounds }) => {
  const script = (name: string) => join(import.meta.dirname, name)
  const ratios: Array<number> = []
  let ms = 0
  for (let round = 0; round < rounds; round++) {
    const db = join(folder, `start-${round}.db`)
    const run = await time(() => spawnSync(process.execPath, [script("first-run.ts"), db], { stdio: "inherit" }))
    const bare = await time(() => spawnSync(process.execPath, [script("bare-import.ts")], { stdio: "inherit" }))
    ratios.push(run / bare)
    ms = run
  }
  return [
    figure("start to first completed run", "bare import of the same modules", "x bare import", ratios, {
      kind: "at most",
      value: 2
    }, { ms })
  ]
}

/** What a step gives back: some text and numbers, or a list of such records. */
const sizes: ReadonlyArray<readonly [name: string, value: unknown, times: number]> = [
  ["200 bytes", { ok: true, run: "run", step: 7, at: 1_700_000_000_007, pad: "x".repeat(140) }, 50_000],
  ["10 kB", records(80), 1_000],
  ["1.2 MB", records(9_500), 10]
]

function records(count: number): unknown {
  return Array.from({ length: count }, (_, index) => ({
    id: `c-${index}`,
    name: `somebody called ${index * 7_919}`,
    tags: ["a", "b", "c"],
    count: index,
    nested: { x: index / 3, y: "why", z: null }
  }))
}

/** A value is checked and made text, and what the body gets is read back from it. The control checks nothing. */
const handOver: Case = async ({ rounds, scale }) => {
  const figures: Array<Figure> = []
  for (const [name, value, full] of sizes) {
    const times = Math.max(3, Math.ceil(full * scale))
    const ratios: Array<number> = []
    let micros = Infinity
    const repeat = (work: () => unknown) =>
      time(() => {
        for (let count = 0; count < times; count++) work()
      })
    const handedOver = () => Result.getOrThrow(StoredJson.of(value)).read()
    const bare = () => JSON.parse(JSON.stringify(value)) as unknown
    for (let round = 0; round <= rounds; round++) {
      const took = await repeat(handedOver)
      const control = await repeat(bare)
      if (round === 0) continue
      ratios.push(took / control)
      micros = Math.min(micros, (took / times) * 1_000)
    }
    figures.push(
      figure(`hand-over of ${name}`, "text and back without a look", "x text and back", ratios, {
        kind: "at most",
        value: 2
      }, {
        "µs": micros,
        characters: JSON.stringify(value).length
      })
    )
  }
  return figures
}

export const cases: Readonly<Record<string, Case>> = {
  steps,
  handOver,
  long,
  suspended,
  events,
  reader,
  chunks,
  agents,
  stalls,
  tasks,
  retention,
  telemetry,
  startUp,
  command
}
