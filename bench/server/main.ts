/**
 * The server in figures: `npm run bench:server [-- --json] [-- --quick]`. The
 * server is a process of its own; this one is all of its clients. What it takes
 * of memory and processor is read from the system, beside what its clients got.
 * Nothing here is an assertion.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { Agent, get, type IncomingMessage, request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { type Figure, figure, time } from "../measure.ts"
import { show } from "../show.ts"
import { listed } from "./listed.ts"

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } }
})
const scale = values.quick ? 0.1 : 1
const folder = mkdtempSync(join(tmpdir(), "fermata-bench-server-"))
const say = (line: string) => process.stderr.write(`${line} …\n`)

/** A server on a database, and what the system says of its process. */
const serve = async (db: string) => {
  // How far the platform lets both parts of a heap grow before it collects goes by the memory of the machine: it is told
  // what a small one would give it.
  const child = spawn(process.execPath, ["--max-heap-size=512", join(import.meta.dirname, "served.ts"), db], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", (line: string) => resolve(line.trim()))
    child.once("close", (code) => reject(new Error(`the server ended with ${code}`)))
  })
  const proc = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, "utf8")
  return {
    url,
    /** Resident memory in MB. */
    rss: () => Number(/^VmRSS:\s+(\d+)/m.exec(proc("status"))![1]) / 1e3,
    /** Time of the processor, user and system, in ms; the system counts it in hundredths of a second. */
    processor: () =>
      proc("stat").replace(/^.*\) /, "").split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0),
    stop: () =>
      new Promise<void>((resolve) => {
        child.once("close", () => resolve())
        child.kill("SIGTERM")
      })
  }
}

const sockets = new Agent({ keepAlive: true, maxSockets: Infinity })

/** Asks, and gives the status and the body. */
const ask = (url: string, body?: unknown): Promise<{ readonly status: number; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const asked = request(url, {
      agent: sockets,
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "content-type": "application/json" }
    }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part) => text += part).on(
        "end",
        () => resolve({ status: response.statusCode!, text })
      )
    })
    asked.on("error", reject).end(body === undefined ? undefined : JSON.stringify(body))
  })

/** What the answers hold that is read here. */
interface Answer {
  readonly runId: string
  readonly status: string
}

const json = async (url: string, body?: unknown): Promise<Answer> => {
  const { status, text } = await ask(url, body)
  if (status >= 300) throw new Error(`${url}: ${status} ${text}`)
  return JSON.parse(text) as Answer
}

/** A stream that counts what it hears, and what is missing in the numbers of its ids. */
class Stream {
  heard = 0
  gaps = 0
  broken = false
  private last: number | undefined
  private response: IncomingMessage | undefined

  open(url: string): Promise<void> {
    return new Promise((resolve, reject) => {
      get(url, { agent: false }, (response) => {
        this.response = response
        let text = ""
        response.setEncoding("utf8").on("data", (part: string) => {
          const lines = (text + part).split("\n")
          text = lines.pop()!
          for (const line of lines) {
            if (line.startsWith(":")) resolve()
            if (!line.startsWith("id: ")) continue
            const id = Number(line.slice(4))
            this.heard++
            if (this.last !== undefined && id !== this.last + 1) this.gaps++
            this.last = id
          }
        }).on("error", () => this.broken = true)
      }).on("error", reject)
    })
  }

  close(): void {
    this.response?.destroy()
  }
}

const percentile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

/** Asks at an even rate, whether or not the answers before have come, and says how long each took (ms). */
const load = async (url: string, perSecond: number, seconds: number) => {
  const took: Array<number> = []
  let errors = 0
  const open: Array<Promise<void>> = []
  const begun = performance.now()
  for (let sent = 0; sent < perSecond * seconds;) {
    const due = Math.floor((performance.now() - begun) / 1_000 * perSecond)
    for (; sent < Math.min(due, perSecond * seconds); sent++) {
      const start = performance.now()
      const one = async () => {
        const answer = await ask(url).catch(() => undefined)
        if (answer?.status === 200) took.push(performance.now() - start)
        else errors++
      }
      open.push(one())
    }
    await sleep(5)
  }
  await Promise.all(open)
  took.sort((a, b) => a - b)
  return { p50: percentile(took, 0.5), p99: percentile(took, 0.99), errors, answered: took.length }
}

const streams = async (): Promise<ReadonlyArray<Figure>> => {
  const server = await serve(join(folder, "streams.db"))
  const count = Math.round(1_000 * scale)
  const tickers = await Promise.all(
    Array.from(
      { length: 10 },
      (_, index) => json(`${server.url}/api/runs`, { workflow: "ticker", input: { id: `${index}` } })
    )
  )
  const ids = tickers.map(({ runId }) => runId)
  const tick = (id: string, n: number) => json(`${server.url}/api/runs/${id}/signals/tick`, { payload: n })
  await Promise.all(ids.map((id) => json(`${server.url}/api/runs/${id}`)))
  say(`${count} streams`)
  const before = server.rss()
  const open = Array.from({ length: count }, () => new Stream())
  for (let from = 0; from < count; from += 50) {
    await Promise.all(
      open.slice(from, from + 50).map((stream, index) =>
        stream.open(`${server.url}/api/runs/${ids[(from + index) % ids.length]}/stream?after=now`)
      )
    )
  }
  const opened = server.rss()
  const idleFrom = server.processor()
  await sleep(5_000 * Math.max(scale, 0.4))
  const idle = (server.processor() - idleFrom) / (5_000 * Math.max(scale, 0.4))
  say("20 signals a second to 100 streams each")
  const signals = Math.round(200 * scale)
  const fan = performance.now()
  const sent: Array<Promise<unknown>> = []
  for (let n = 0; n < signals; n++) {
    sent.push(tick(ids[n % ids.length]!, n))
    await sleep(50)
  }
  await Promise.all(sent)
  await sleep(1_000)
  const fanned = performance.now() - fan
  say("500 requests a second beside them")
  const loadFrom = server.processor()
  const answered = await load(`${server.url}/api/runs/${ids[0]}`, 500, Math.max(2, Math.round(10 * scale)))
  const each = (server.processor() - loadFrom) / answered.answered
  const after = server.rss()
  const heard = open.reduce((sum, stream) => sum + stream.heard, 0)
  const gaps = open.reduce((sum, stream) => sum + stream.gaps, 0)
  const broken = open.filter((stream) => stream.broken).length
  for (const stream of open) stream.close()
  await server.stop()
  return [
    figure(`memory of ${count} open streams`, "150 MB", "of 150 MB", [(after - before) / 150], {
      kind: "at most",
      value: 1
    }, {
      "MB before": before,
      "MB opened": opened,
      "MB after": after
    }),
    figure("processor of idle streams", "a core", "of a core", [idle], undefined),
    figure("entries that a stream missed, or broke", "those sent", "streams", [gaps + broken], {
      kind: "at most",
      value: 0
    }, {
      heard,
      "a second": heard / fanned * 1_000
    }),
    figure("refused or broken, of 500 requests a second", "those sent", "requests", [answered.errors], {
      kind: "at most",
      value: 0
    }, {
      answered: answered.answered,
      "processor ms each": each,
      "p50 ms": answered.p50,
      "p99 ms": answered.p99
    })
  ]
}

const journal = async (): Promise<ReadonlyArray<Figure>> => {
  const steps = Math.round(10_000 * scale)
  say(`a run of ${steps} steps`)
  const server = await serve(join(folder, "journal.db"))
  const { runId } = await json(`${server.url}/api/runs`, { workflow: "sequential", input: { id: "1", n: steps } })
  const over = new Stream()
  await over.open(`${server.url}/api/runs/${runId}/stream`)
  const ended = () => json(`${server.url}/api/runs/${runId}`).then(({ status }) => status === "completed")
  while (!(await ended())) await sleep(200)
  over.close()
  const took: Array<number> = []
  let entries = 0
  for (let round = 0; round < 3; round++) {
    took.push(
      await time(async () => {
        const { text } = await ask(`${server.url}/api/runs/${runId}/stream`)
        entries = text.split("\nid: ").length - 1
      })
    )
  }
  await server.stop()
  return [
    figure(`stream of a journal of ${steps} steps`, "0.5 s", "of 0.5 s", took.map((ms) => ms / 500 / scale), {
      kind: "at most",
      value: 1
    }, {
      "ms": Math.min(...took),
      entries
    })
  ]
}

const list = async (): Promise<ReadonlyArray<Figure>> => {
  const count = Math.round(300_000 * scale)
  say(`${count} runs in a list`)
  const db = join(folder, "list.db")
  await listed(db, count)
  const server = await serve(db)
  const figures: Array<Figure> = []
  for (
    const [name, query] of [
      ["the newest", ""],
      ["those that wait for a signal", "?reason=signal"],
      ["of a workflow that failed", "?workflow=rare&status=failed"],
      ["of a label", "?label=team%3Drare"],
      ["of a tenant", "?tenant=acme"],
      ["of a workflow, of a tenant", "?tenant=acme&workflow=rare"],
      ["of a tenant, that wait for a signal", "?tenant=acme&reason=signal"]
    ] as const
  ) {
    await ask(`${server.url}/api/runs${query}`)
    const from = server.processor()
    const rounds = 40
    for (let round = 0; round < rounds; round++) await json(`${server.url}/api/runs${query}`)
    const each = (server.processor() - from) / rounds
    figures.push(
      figure(`a list over ${count} runs: ${name}`, "50 ms of processor", "of 50 ms", [each / 50], {
        kind: "at most",
        value: 1
      }, {
        "processor ms": each
      })
    )
  }
  await server.stop()
  return figures
}

try {
  const figures = [...await streams(), ...await journal(), ...await list()]
  show(figures, { json: values.json, quick: values.quick })
} finally {
  sockets.destroy()
  rmSync(folder, { recursive: true, force: true })
}
