/** Calls over HTTP of an agent whose run is cancelled in the middle of them, at a server that notes what it sees. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"

const app = fileURLToPath(new URL("agents/fetch.ts", import.meta.url))
const bin = fileURLToPath(new URL("../../packages/cli/src/bin.ts", import.meta.url))

/** Something that is waited for, by what has happened. */
class Notes {
  readonly all: Array<string> = []
  private readonly waiting: Array<{ readonly note: string; readonly done: () => void }> = []

  take(note: string): void {
    this.all.push(note)
    for (const each of this.waiting) if (each.note === note) each.done()
  }

  has(note: string): Promise<void> {
    return this.all.includes(note)
      ? Promise.resolve()
      : new Promise((done) => void this.waiting.push({ note, done }))
  }
}

/** A server that says nothing, or only how its answer begins, and answers when a test says so. */
const slow = async (says: "nothing" | "the beginning") => {
  const notes = new Notes()
  const open: Array<ServerResponse> = []
  const server = createServer((request, response) => {
    request.resume()
    // Before its end, a response is closed by whoever asked.
    response.once("close", () => notes.take(response.writableFinished ? "answered" : "closed"))
    if (says === "the beginning") response.writeHead(200, { "content-type": "text/plain" }).write("It begins. ")
    open.push(response)
    notes.take("asked")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    notes,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: () => {
      for (const response of open) response.end("It ends.")
    }
  }
}

/** A process with a run that makes a call. */
const live = (origin: string, tool: string, method: string) => {
  const folder = mkdtempSync(join(tmpdir(), "fermata-fetch-"))
  const db = join(folder, "a.db")
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [
    "--no-warnings",
    app,
    db,
    origin,
    tool,
    method
  ])
  const states = new Notes()
  let run = ""
  let problems = ""
  child.stderr.on("data", (data) => problems += String(data))
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("{")) return
    const told = JSON.parse(line) as { readonly run: string; readonly status: string }
    run = told.run
    states.take(told.status)
  })
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  /** What the command prints: it ends when what was asked for is done, and the server has its turns meanwhile. */
  const fermata = (...args: ReadonlyArray<string>) =>
    new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [bin, ...args, "--db", db], (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`${error.message}${stdout}${stderr}`)))
    })
  return {
    status: (wanted: string) =>
      Promise.race([
        states.has(wanted),
        ended.then(() => assert.fail(`it ended: ${problems}`))
      ]),
    cancel: () => fermata("runs", "cancel", run, "--reason", "no more")
  }
}

describe("a call over HTTP whose run is cancelled", () => {
  for (
    const [tool, method, says] of [
      ["WebFetch", "GET", "nothing"],
      ["WebFetch", "GET", "the beginning"],
      ["ApiCall", "GET", "nothing"],
      ["ApiCall", "GET", "the beginning"],
      ["ApiCall", "POST", "nothing"]
    ] as const
  ) {
    const what = tool === "WebFetch" ? tool : `a ${method} of ApiCall${method === "POST" ? " under a key" : ""}`
    it(`${what} is let go: the server that says ${says} sees it closed, and has answered nothing`, async () => {
      const server = await slow(says)
      const process = live(server.origin, tool, method)
      await server.notes.has("asked")
      await process.cancel()
      await server.notes.has("closed")
      await process.status("cancelled")
      server.answer()
      assert.deepStrictEqual(server.notes.all, ["asked", "closed"])
    })
  }
})
