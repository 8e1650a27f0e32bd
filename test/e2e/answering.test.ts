/** People answer one question at once over HTTP, by the command and by the library, each from a process of its own. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"
import { Project } from "./support/Fermata.ts"
import { serving } from "./support/Serving.ts"

const contract = fileURLToPath(new URL("answering/asking.json", import.meta.url))
const rounds = process.env["FERMATA_LONG"] === undefined ? 3 : 20

/** What became of an answer: whether it was taken, and what was said. */
interface Told {
  readonly taken: boolean
  readonly text: string
}

/** The library in a process of its own, which is asked line by line. */
const library = async (db: string) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL("answering/Answering.ts", import.meta.url))], {
    env: { ...process.env, FERMATA_DB: db },
    stdio: ["pipe", "pipe", "inherit"]
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  assert.strictEqual((await lines.next()).value, "ready")
  return async (run: string, decision: string, by: string): Promise<Told> => {
    child.stdin.write(`${run} ${decision} ${by}\n`)
    const text = String((await lines.next()).value)
    return { taken: text.startsWith("taken: "), text }
  }
}

/** A token of this person for everything that these tests do, as headers. */
const tokenOf = async (project: Project, name: string) => {
  const scopes = ["read", "operate", "approve"].flatMap((scope) => ["--scope", scope])
  const { stdout } = await project.fermata("token", "create", name, ...scopes)
  return { authorization: `Bearer ${stdout.trim()}`, "content-type": "application/json" }
}

describe("S16: people who answer one question at once, over HTTP, by the command and by the library", () => {
  it("N-61: one of them decides, the others are told who decided and what, and the run goes that way", async () => {
    const project = new Project()
    const headers = await tokenOf(project, "ada")
    await project.fermata("contracts", "add", contract)
    const server = await serving(project)
    const others = await tokenOf(project, "zoe")
    const post = (path: string, body: object, who = headers) =>
      fetch(`${server.url}/api${path}`, { method: "POST", headers: who, body: JSON.stringify(body) })
    const show = async (run: string) =>
      await (await fetch(`${server.url}/api/runs/${run}?wait=60s`, { headers })).json() as Readonly<
        Record<string, unknown>
      >
    const byLibrary = await library(project.db)
    const byHttp = async (run: string, decision: string): Promise<Told> => {
      const response = await post(`/approvals/${run}/answers`, { decision })
      return { taken: response.status === 200, text: await response.text() }
    }
    const byCommand = async (run: string, decision: string): Promise<Told> => {
      const { code, stderr } = await project.fermata(decision, run, "--as", "bob", "--no-wait")
      return { taken: code === 0, text: stderr }
    }
    let tookMs = 500
    for (let round = 0; round < rounds; round++) {
      const started = await post("/runs", { workflow: "asking", input: { round } }, others)
      const { runId } = await started.json() as { readonly runId: string }
      assert.strictEqual((await show(runId))["status"], "suspended")
      // Who says no and who comes when is another in each round; a command takes a while to come to its answer.
      const says = (who: number) => (round + who) % 3 === 0 ? "deny" : "approve"
      const before = Date.now()
      const after = (who: number) => setTimeout(tookMs * (0.5 + ((round * 7 + who * 3) % 10) / 20))
      const told = await Promise.all([
        after(1).then(() => byHttp(runId, says(0))),
        byCommand(runId, says(1)).then((told) => {
          tookMs = Date.now() - before
          return told
        }),
        after(2).then(() => byLibrary(runId, says(2), "cy"))
      ])
      const people = ["ada", "bob", "cy"]
      const first = told.findIndex(({ taken }) => taken)
      const verb = says(first) === "deny" ? "denied" : "approved"
      assert.deepStrictEqual(told.filter(({ taken }) => taken).length, 1, JSON.stringify(told))
      for (const [index, { text }] of told.entries()) {
        if (index !== first) assert.include(text, `is answered already: ${verb} by ${people[first]}`)
      }

      assert.strictEqual((await show(runId))["output"], `${verb} by ${people[first]}`)
    }
    server.process.kill("SIGTERM")
    await server.ended
  })

  it("N-31: a token's person answers as nobody else, and neither does the requester, whichever way they come", async () => {
    const project = new Project()
    const headers = await tokenOf(project, "ada")
    const server = await serving(project, "--no-work")
    const post = (path: string, body: object) =>
      fetch(`${server.url}/api${path}`, { method: "POST", headers, body: JSON.stringify(body) })
    await project.fermata("contracts", "add", contract)
    const started = await post("/runs", { workflow: "asking", input: { round: 1 } })
    const { runId } = await started.json() as { readonly runId: string }
    await project.fermata("worker", "--until-idle")
    const asBob = await post(`/approvals/${runId}/answers`, { decision: "approve", by: "bob" })
    assert.deepStrictEqual([asBob.status, (await asBob.json() as { detail: string }).detail], [
      403,
      "You are ada, and cannot answer as bob"
    ])
    const handed = await post(`/approvals/${runId}/delegations`, { to: "dana", by: "bob" })
    assert.strictEqual(handed.status, 403)
    const byLibrary = await library(project.db)
    const why = "ada has asked for the run, and another must decide"
    const own = await post(`/approvals/${runId}/answers`, { decision: "approve" })
    assert.deepStrictEqual([own.status, (await own.text()).includes(why)], [403, true])
    const command = await project.fermata("approve", runId, "--as", "ada")
    assert.deepStrictEqual([command.code, command.stderr.includes(why)], [2, true], command.stderr)
    assert.include((await byLibrary(runId, "approve", "ada")).text, why)
    const given = await project.fermata("approvals", "delegate", runId, "--to", "dana", "--as", "bob", "--json")
    assert.strictEqual(given.code, 0, given.stderr)
    assert.include(
      (await byLibrary(runId, "approve", "bob")).text,
      "handed it on to dana"
    )
    const done = await project.fermata("approve", runId, "--as", "dana")
    assert.strictEqual(done.code, 0, done.stderr)
    server.process.kill("SIGTERM")
    await server.ended
  })
})
