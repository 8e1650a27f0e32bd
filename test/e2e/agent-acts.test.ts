/**
 * The process of an agent is killed while it changes a file or asks a service, and another
 * goes on with the run. What was done is counted outside of both: by files, and by a server.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, assert, beforeEach, describe, it } from "vitest"

const app = fileURLToPath(new URL("agents/acts.ts", import.meta.url))

let folder: string
let root: string
let server: Server
let url: string
/** The keys of the requests that came, and what is done at each. */
let requests: Array<string | undefined>
let onRequest: (() => void) | undefined
let running: ChildProcessWithoutNullStreams | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fermata-acts-"))
  root = mkdtempSync(join(folder, "space-"))
  requests = []
  onRequest = undefined
  server = createServer((request, response) => {
    requests.push(request.headers["idempotency-key"] as string | undefined)
    if (onRequest !== undefined) return onRequest()
    response.end("fine")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  running?.kill("SIGKILL")
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

interface Told {
  readonly status: string
  readonly waits: ReadonlyArray<string>
  readonly told: ReadonlyArray<string>
}

const live = (call: readonly [tool: string, params: unknown], point = ""): Promise<Told | "killed"> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      "--no-warnings",
      app,
      join(folder, "a.db"),
      root,
      url,
      JSON.stringify(call),
      point
    ])
    running = child
    let out = ""
    let problems = ""
    child.stdout.on("data", (data) => out += String(data))
    child.stderr.on("data", (data) => problems += String(data))
    child.once("close", (code, signal) => {
      if (signal === "SIGKILL") return resolve("killed")
      // What it logs is no word of the run, and may come behind that.
      const line = out.split("\n").find((line) => line.startsWith("{\"status\""))
      if (code === 0 && line !== undefined) resolve(JSON.parse(line) as Told)
      else reject(new Error(`ended with ${code}: ${problems.slice(-2_000)}`))
    })
  })

const writes = (): number => {
  const file = join(folder, "a.db.writes")
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0
}

describe("an agent whose process is killed in a change of a file", () => {
  const edit = ["Edit", { file_path: "a.txt", old_string: "one", new_string: "one one" }] as const
  const write = ["Write", { file_path: "a.txt", content: "two\n" }] as const
  const cases = [[edit, "write:before", "one one\n"], [edit, "write:after", "one one\n"], [
    write,
    "write:after",
    "two\n"
  ]] as const
  for (const [call, point, content] of cases) {
    it(`S2: ${call[0]} changes it once, killed at ${point}`, async () => {
      writeFileSync(join(root, "a.txt"), "one\n")
      assert.strictEqual(await live(call, point), "killed")
      assert.strictEqual(writes(), point === "write:before" ? 0 : 1)
      const told = await live(call)
      if (told === "killed") throw new Error("killed")
      assert.strictEqual(told.status, "completed")
      assert.strictEqual(writes(), 1)
      assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), content)
    })
  }

  it("S2: Write is not made where somebody has changed the file since", async () => {
    writeFileSync(join(root, "a.txt"), "one\n")
    assert.strictEqual(await live(write, "write:before"), "killed")
    writeFileSync(join(root, "a.txt"), "other\n")
    const told = await live(write)
    if (told === "killed") throw new Error("killed")
    assert.include(told.told.join(), "has changed since it was looked at")
    assert.strictEqual(writes(), 0)
    assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), "other\n")
  })
})

describe("an agent whose process is killed while it asks a service", () => {
  const asks = (service: string) => ["ApiCall", { service, method: "POST", path: "/pay" }] as const
  const killed = async (call: ReturnType<typeof asks>) => {
    onRequest = () => void running?.kill("SIGKILL")
    assert.strictEqual(await live(call), "killed")
    onRequest = undefined
    assert.lengthOf(requests, 1)
  }

  it("M-24, S2: that knows a request again by its key is asked again under the same", async () => {
    await killed(asks("keyed"))
    const told = await live(asks("keyed"))
    if (told === "killed") throw new Error("killed")
    assert.strictEqual(told.status, "completed")
    assert.lengthOf(requests, 2)
    assert.isString(requests[0])
    assert.strictEqual(requests[1], requests[0])
  })

  it("M-24, S2: that does not is not asked again, and the run waits for a person", async () => {
    await killed(asks("plain"))
    const told = await live(asks("plain"))
    assert.deepStrictEqual(told, { status: "suspended", waits: ["outcome-unknown"], told: [] })
    assert.deepStrictEqual(requests, [undefined])
  })
})
