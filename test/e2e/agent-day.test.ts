/** The budget of a day, for which real processes race, one of which dies with what it has reserved. */
import type { RunView } from "@fermata/core/RunView"
import type { SpendingSum } from "@fermata/core/SpendingSum"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"
import { ModelServer } from "./agents/ModelServer.ts"

const app = fileURLToPath(new URL("agents/day.ts", import.meta.url))

/** Room for an answer, of 1,310 tokens, and for the reservation of one more call, of a little over 2,000. */
const daily = 3_400

/** How runs stand, and what was spent on days. */
interface Told {
  readonly views: ReadonlyArray<RunView>
  readonly sums: ReadonlyArray<SpendingSum>
}

/** A project with its processes. */
const project = async () => {
  const folder = mkdtempSync(join(tmpdir(), "fermata-day-"))
  const server = new ModelServer()
  const url = await server.listen()
  const children = new Set<ReturnType<typeof start>["child"]>()
  onTestFinished(async () => {
    for (const child of children) child.kill("SIGKILL")
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const start = (point: string, ...names: ReadonlyArray<string>) => {
    const child = spawn(
      process.execPath,
      ["--no-warnings", app, join(folder, "a.db"), url, String(daily), point, ...names],
      { stdio: ["pipe", "pipe", "pipe"] }
    )
    let out = ""
    let problems = ""
    child.stderr.on("data", (data) => problems += String(data))
    const ready = new Promise<void>((resolve) =>
      child.stdout.on("data", (data) => {
        out += String(data)
        if (out.includes("ready\n")) resolve()
      })
    )
    const ended = new Promise<ReadonlyArray<Told> | "killed">((resolve, reject) =>
      child.once("close", (code, signal) => {
        if (signal === "SIGKILL") resolve("killed")
        else if (code !== 0) reject(new Error(`ended with ${code}: ${problems.slice(-2_000)}`))
        else resolve(out.trim().split("\n").slice(1).map((line) => JSON.parse(line) as Told))
      })
    )
    return { child, ready, ended, go: () => void child.stdin.write("go\n") }
  }
  const run = async (point: string, ...names: ReadonlyArray<string>) => {
    const one = start(point, ...names)
    children.add(one.child)
    await one.ready
    one.go()
    return one
  }
  return { server, start, run, children }
}

const tokensOf = (views: ReadonlyArray<RunView>, what: "total" | "unsettled"): number =>
  views.reduce((sum, { spent }) => sum + (spent[what].tokens ?? 0), 0)

describe("the last cent of a day", () => {
  it("S1, N-45, N-50: is had by one of two processes; where that dies before its answer, the other spends none of it, and the server's books are the journal's but for that reservation", async () => {
    const { children, run, server, start } = await project()
    await (await run("nowhere", "1")).ended
    const racers = [start("part", "2"), start("part", "3")]
    for (const { child } of racers) children.add(child)
    await Promise.all(racers.map(({ ready }) => ready))
    for (const { go } of racers) go()
    const ends = await Promise.all(racers.map(({ ended }) => ended))
    const lived = ends.find((end) => end !== "killed")
    if (lived === undefined || !ends.includes("killed")) throw new Error("one dies, and the other lives")
    const [refused] = lived[0]!.views
    assert.deepStrictEqual([refused!.status, refused!.reason], ["suspended", "budget"])
    assert.strictEqual(server.calls.length, 2, "the one that was refused has asked nobody")

    const after = await (await run("raise", "1", "2", "3")).ended
    if (after === "killed") throw new Error("killed")
    const [short, raised] = after as [Told, Told]
    // The run of the dead process was taken up, and may not ask again: what was reserved for it counts.
    assert.deepStrictEqual(short.views.map(({ status }) => status), ["completed", "suspended", "suspended"])
    for (const { spent } of short.sums) assert.isAtMost(spent.tokens ?? 0, daily)
    assert.isAbove(tokensOf(short.views, "unsettled"), 2_000)

    assert.deepStrictEqual(raised.views.map(({ status }) => status), ["completed", "completed", "completed"])
    assert.strictEqual(server.calls.length, 4, "only the call in flight was asked for again")
    const total = tokensOf(raised.views, "total")
    const unsettled = tokensOf(raised.views, "unsettled")
    assert.isAtLeast(total, server.billed)
    assert.isAtMost(total - unsettled, server.billed)
    const sums = raised.sums.reduce((sum, { spent }) => sum + (spent.tokens ?? 0), 0)
    assert.strictEqual(sums, total)
  })
})
