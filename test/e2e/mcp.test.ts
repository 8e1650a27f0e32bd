/** The MCP server as a process of its own, which clients start, and which dies. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import { assert, describe, it, onTestFinished } from "vitest"
import { bin, fixtures, Project } from "./support/Fermata.ts"

/** A server that a client has started, and what it said on stderr. */
const started = async (project: Project, env: Readonly<Record<string, string>> = {}) => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bin, "mcp", "--db", project.db, "--lease", "1000", "--as", "claude"],
    cwd: fixtures,
    env: { PATH: process.env["PATH"] ?? "", FIXTURE_LOG: project.log, ...env },
    stderr: "pipe"
  })
  let said = ""
  const listeners = new Set<() => void>()
  transport.stderr!.on("data", (data) => {
    said += String(data)
    for (const listener of listeners) listener()
  })
  const client = new Client({ name: "probe", version: "1" })
  // What is no message of the protocol is an error of the client.
  const errors: Array<unknown> = []
  Object.assign(client, { onerror: (error: unknown) => void errors.push(error) })
  await client.connect(transport)
  onTestFinished(() => client.close())
  const call = async (name: string, args: object) => {
    const result = await client.callTool({ name, arguments: { ...args } }) as CallToolResult
    return { ...result, value: (result.structuredContent ?? {}) as Readonly<Record<string, unknown>> }
  }
  const says = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!said.includes(text)) return
        listeners.delete(look)
        resolve()
      }
      listeners.add(look)
      look()
    })
  return { client, call, says, errors, transport, kill: () => process.kill(transport.pid!, "SIGKILL") }
}

describe("N-63: a server that is killed in a call", () => {
  it("S1, S4: leaves a run that the next server goes on with, and a second call with the key is that run", async () => {
    const project = new Project()
    const first = await started(project)
    const call = first.call("Held", { id: "1", _key: "k" }).then(() => "answered", String)
    await first.says("hold begins")
    first.kill()
    assert.include(await call, "Connection closed")
    assert.deepStrictEqual(project.bodies, ["before", "hold begins"])
    const second = await started(project, { FIXTURE_GO: "1" })
    const { runs } = (await second.call("fermata_runs_list", {})).value as {
      readonly runs: ReadonlyArray<{ readonly runId: string }>
    }
    assert.lengthOf(runs, 1)
    const { runId } = runs[0]!
    // Nobody has called for it in this process.
    const gone = await second.call("fermata_run_wait", { run: runId, waitSeconds: 600 })
    assert.deepInclude(gone.value, { status: "completed", output: "after held" })
    const again = await second.call("Held", { id: "1", _key: "k" })
    assert.deepInclude(again.value, { runId, joined: true, status: "completed", output: "after held" })
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "hold begins", "after held"])
    assert.deepStrictEqual([first.errors, second.errors], [[], []])
  })
})

describe("N-63: the process of a server", () => {
  it("what workflows print is on stderr, runs are by who the server acts for, and it ends with its client", async () => {
    const project = new Project()
    const server = await started(project)
    const echo = await server.call("Echo", { text: "hi" })
    assert.deepInclude(echo.value, { status: "completed", output: "hi" })
    await server.says("printed by a workflow")
    const { pid } = server.transport
    await server.client.close()
    // A process that has gone takes no signal.
    assert.throws(() => process.kill(pid!, 0))
    const { json } = await project.fermata("runs", "show", String(echo.value["runId"]), "--json")
    assert.include(JSON.stringify(json), "\"by\":\"claude\"")
    assert.deepStrictEqual(server.errors, [])
  })

  it("over HTTP it says where it is, and ends when it is told to", async () => {
    const project = new Project()
    const server = project.start(["mcp", "--port", "0"])
    await server.says("MCP server at http://127.0.0.1:")
    server.process.kill("SIGTERM")
    const { code, stderr, stdout } = await server.ended
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "")
  })
})
