/** The HTTP server as a process of its own. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { serving } from "./support/Serving.ts"

describe("fermata serve", () => {
  it("R-69: starts and works on runs at its port, as whoever it acts for, and ends when it is told to", async () => {
    const project = new Project()
    const server = await serving(project, "--as", "ada")
    const started = await server.post("/api/runs", { workflow: "Echo", input: { text: "hi" } })
    assert.strictEqual(started.status, 201)
    const { runId } = await started.json() as { readonly runId: string }
    const { stdout: journal } = await project.fermata("runs", "tail", runId, "--json")
    assert.include(journal, "\"by\":\"ada\"")
    const found = await (await fetch(`${server.url}/api/runs/${runId}`)).json()
    assert.deepInclude(found as object, { id: runId, status: "completed", output: "hi" })
    server.process.kill("SIGTERM")
    const { code, stderr, stdout } = await server.ended
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "")
  })

  it("with --no-work leaves runs to others, and says at once which port is taken", async () => {
    const project = new Project()
    const server = await serving(project, "--no-work")
    const started = await server.post("/api/runs", { workflow: "Echo", input: { text: "hi" } })
    const { runId } = await started.json() as { readonly runId: string }
    const status = async () =>
      (await (await fetch(`${server.url}/api/runs/${runId}`)).json() as { readonly status: string }).status
    assert.strictEqual(await status(), "queued")
    const { port } = new URL(server.url)
    const { code, stderr } = await project.fermata("serve", "--port", port)
    assert.strictEqual(code, 2)
    assert.include(stderr, `error: --port ${port} cannot be listened on`)
    await project.fermata("worker", "--until-idle")
    assert.strictEqual(await status(), "completed")
  })
})
