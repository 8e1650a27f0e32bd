/** Agents whose process is killed at a point of a real conversation, on a real database and through a real client. */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { ModelServer } from "./agents/ModelServer.ts"

const app = fileURLToPath(new URL("agents/app.ts", import.meta.url))

let folder: string
let server: ModelServer
let url: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fermata-agents-"))
  server = new ModelServer()
  url = await server.listen()
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Told {
  readonly status: string
  readonly output: { readonly output: unknown; readonly turns: number; readonly usage: { readonly output: number } }
  readonly error?: string
  /** What calls of subagents had reserved whose end nobody saw. */
  readonly unsettledBelow: number
  readonly spent: Readonly<Record<"own" | "unsettled" | "children" | "total", { readonly tokens?: number }>>
}

const live = (point: string): Promise<Told | "killed"> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      "--no-warnings",
      app,
      join(folder, "a.db"),
      join(folder, "effects"),
      url,
      point
    ], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let problems = ""
    child.stdout.on("data", (data) => out += String(data))
    child.stderr.on("data", (data) => problems += String(data))
    child.once("close", (code, signal) => {
      if (signal === "SIGKILL") resolve("killed")
      else if (code === 0) resolve(JSON.parse(out.trim().split("\n").at(-1)!) as Told)
      else reject(new Error(`ended with ${code}: ${problems.slice(-2_000)}`))
    })
  })

interface Effect {
  readonly tool: string
  readonly n?: number
  readonly key?: string
  readonly path?: string
}

const effects = (): ReadonlyArray<Effect> =>
  existsSync(join(folder, "effects"))
    ? readFileSync(join(folder, "effects"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Effect)
    : []

/** How often each of these stands in a list, where it is more than once. */
const repeated = (all: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(all)].filter((each) => all.filter((other) => other === each).length > 1)

/** The points, with what may be asked or done a second time: the call in flight, and what a tool says may be. */
const points: ReadonlyArray<
  readonly [point: string, again: { readonly calls?: number; readonly effects?: ReadonlyArray<string> }]
> = [
  ["part:boss:model:1", { calls: 1 }],
  ["part:boss:model:9", { calls: 1 }],
  ["answer:boss:model", { effects: ["Look 1", "Look 2"] }],
  ["look:1:begun", { effects: ["Look 1", "Look 2"] }],
  ["look:2:done", { effects: ["Look 1", "Look 2"] }],
  ["part:boss:model~2:2", { calls: 1 }],
  ["part:boss:model~3:2", { calls: 1 }],
  ["answer:boss:model~2", { calls: 1, effects: ["Charge"] }],
  ["answer:boss:model~3", { calls: 1, effects: ["Charge"] }],
  ["charge:before", {}],
  ["charge:after", { effects: ["Charge"] }],
  ["part:boss:model~4:2", { calls: 1 }],
  ["question:boss", {}],
  ["answered:boss", { effects: ["Write /boss"] }],
  ["write:/boss:before", {}],
  ["write:/boss:after", { effects: ["Write /boss"] }],
  ["subagent", { calls: 1 }],
  ["part:helper:model:2", { calls: 1 }],
  ["question:helper", {}],
  ["answered:helper", { effects: ["Write /helper"] }],
  ["write:/helper:before", {}],
  ["write:/helper:after", { effects: ["Write /helper"] }],
  ["part:helper:model~2:2", { calls: 1 }],
  ["answer:helper:model~2", { calls: 1 }],
  ["part:boss:model~6:2", { calls: 1 }],
  ["part:boss:model~7:1", { calls: 1 }],
  ["over", {}]
]

describe("an agent whose process is killed", () => {
  it("M-01, S1, N-45: pays no answer twice and settles no effect twice, wherever that is", async () => {
    const calm = await live("nowhere")
    if (calm === "killed") throw new Error("killed")
    assert.deepStrictEqual(calm.output.output, { done: true }, calm.error)
    const undisturbed = server.calls.map(({ who }) => who)
    assert.includeMembers(undisturbed, ["boss", "helper", "boss summary"])
    assert.strictEqual(calm.spent.total.tokens, server.billed)
    assert.deepStrictEqual(calm.spent.unsettled, {})
  })

  for (const [point, again] of points) {
    it(`S1, N-01, N-03, N-45: at ${point}`, async () => {
      assert.strictEqual(await live(point), "killed")
      const told = await live("nowhere")
      if (told === "killed") throw new Error("killed")
      assert.strictEqual(told.status, "completed", told.error)
      assert.deepStrictEqual(told.output.output, { done: true })
      // A call is named by its key: only the one in flight is asked again, under the same.
      const twice = repeated(server.calls.map(({ key }) => key))
      assert.isAtMost(twice.length, again.calls ?? 0, twice.join())
      const done = effects()
      const charged = done.flatMap(({ key }) => key === undefined ? [] : [key])
      assert.strictEqual(new Set(charged).size, 1)
      const names = done.map(({ n, path, tool }) => [tool, n ?? path].filter((part) => part !== undefined).join(" "))
      const acted = repeated(names)
      for (const each of acted) assert.include(again.effects ?? [], each)
      // What the server billed is in the journal, or is named as reserved by a call whose end nobody saw.
      const { total, unsettled } = told.spent
      const reserved = (unsettled.tokens ?? 0) + told.unsettledBelow
      if (reserved === 0) assert.strictEqual(total.tokens, server.billed)
      else {
        assert.isAtLeast(total.tokens ?? 0, server.billed)
        assert.isAtMost((total.tokens ?? 0) - reserved, server.billed)
      }
    })
  }
})
