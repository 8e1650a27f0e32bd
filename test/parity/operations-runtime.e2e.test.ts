/** The runtime as one machine has it: the command, one file, and a server beside it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "../e2e/support/Fermata.ts"
import { serving } from "../e2e/support/Serving.ts"

/** Who does tasks, and which machines there are. */
const config = [
  "--config",
  fileURLToPath(new URL("../../packages/cli/test/support/dispatch.config.ts", import.meta.url))
]

const get = async (url: string): Promise<Record<string, unknown>> => {
  const response = await fetch(url)
  assert.strictEqual(response.status, 200, url)
  return await response.json() as Record<string, unknown>
}

describe("the runtime of one machine", () => {
  it("R-01, R-03, R-42: a task comes in by the command and is done in one round, and its result is read over HTTP and in the file", async () => {
    const project = new Project()
    const task = JSON.stringify({ kind: "aibtc-checkin", id: "t", payload: { n: 7 }, source: "operator" })
    const added = await project.fermata("tasks", "add", "--task", task, ...config)
    assert.deepStrictEqual([added.code, added.stdout], [0, "t\n"], added.stderr)
    const round = await project.fermata("run-once", ...config)
    assert.strictEqual(round.code, 0, round.stderr)

    const server = await serving(project, "--no-work")
    const page = await get(`${server.url}/api/tasks/t`)
    assert.deepInclude(page, { status: "completed", result: { output: { given: { n: 7 } }, artifacts: [] } })
    assert.strictEqual((await get(`${server.url}/api/runs/${String(page["run"])}`))["status"], "completed")
    const db = new DatabaseSync(project.db, { readOnly: true })
    assert.deepEqual(db.prepare("SELECT status, attempts, result FROM tasks WHERE id = 't'").get(), {
      status: "completed",
      attempts: 1,
      result: JSON.stringify(page["result"])
    })
    assert.deepEqual(db.prepare("SELECT outcome FROM task_attempts").all(), [{ outcome: "completed" }])
    db.close()
    server.process.kill("SIGTERM")
    await server.ended
  })

  it("R-04: with nobody at work the server answers whoever looks, and takes a task", async () => {
    const project = new Project()
    const server = await serving(project, "--no-work")
    const taken = await server.post("/api/tasks/queue", { message: { text: "look" }, kind: "operator" })
    assert.strictEqual(taken.status, 201, await taken.text())
    for (
      const path of [
        "tasks",
        "queues",
        "schedules",
        "sensors/events",
        "sources",
        "webhooks",
        "runs",
        "events",
        "state",
        "heartbeat",
        "health",
        "pause"
      ]
    ) {
      await get(`${server.url}/api/${path}`)
    }
    const { tasks } = await get(`${server.url}/api/tasks`)
    assert.deepInclude((tasks as ReadonlyArray<object>)[0], { kind: "operator", status: "queued" })
    server.process.kill("SIGTERM")
    await server.ended
  })

  it("R-60, R-71: the state says what there is to do, whether tasks are given out, and what happened last, here and there the same", async () => {
    const project = new Project()
    await project.fermata("tasks", "add", "aibtc-checkin", "--id", "a", ...config)
    await project.fermata("tasks", "add", "aibtc-checkin", "--id", "b", ...config)
    await project.fermata("emit", "person.arrived", "--data", "{}")
    const server = await serving(project, "--no-work")
    assert.strictEqual((await server.post("/api/pause", { paused: true })).status, 200)
    const state = await get(`${server.url}/api/state`)
    assert.deepStrictEqual(state["tasks"], { queued: 2, running: 0 })
    assert.deepInclude(state["dispatch"] as object, { paused: true })
    assert.strictEqual((state["lastEvent"] as { name: string }).name, "person.arrived")
    for (const at of [[], ["--server", server.url]]) {
      const { code, json, stderr } = await project.start(["status", "--json", ...at], {
        env: at.length === 0 ? {} : { FERMATA_DB: undefined, FERMATA_AS: undefined }
      }).ended
      assert.strictEqual(code, 0, stderr)
      const { dispatch, lastEvent, tasks } = json as unknown as typeof state
      assert.deepStrictEqual({ tasks, dispatch, lastEvent }, {
        tasks: state["tasks"],
        dispatch: state["dispatch"],
        lastEvent: state["lastEvent"]
      })
    }
    assert.match((await project.fermata("status")).stdout, /^tasks {7}2 queued\ndispatch {4}paused by /m)
    server.process.kill("SIGTERM")
    await server.ended
  })

  it("R-76, R-77: a schedule is put and changed over HTTP, listed once, and what is due is asked for by a tick", async () => {
    const project = new Project()
    const server = await serving(project, "--no-work")
    const put = (seconds: number) =>
      server.post("/api/schedules", {
        name: "aibtc-checkin",
        interval_seconds: seconds,
        task: { kind: "aibtc-checkin", source: "schedule:aibtc-checkin" }
      })
    const made = await put(305)
    assert.isTrue(made.ok, await made.text())
    const changed = await put(600)
    assert.isTrue(changed.ok, await changed.text())
    const { schedules } = await get(`${server.url}/api/schedules`) as {
      schedules: ReadonlyArray<{ name: string; spec: unknown }>
    }
    assert.deepStrictEqual(schedules.map(({ name, spec }) => [name, spec]), [["aibtc-checkin", { everyMs: 600_000 }]])
    assert.strictEqual((await put(0)).status, 400)
    const tick = async () => {
      const response = await server.post("/api/schedules/tick", {})
      assert.strictEqual(response.status, 200)
      return (await response.json() as { started: number }).started
    }
    assert.strictEqual(await tick(), 0)
    assert.isTrue((await server.post("/api/schedules/aibtc-checkin/run", {})).ok)
    await tick()
    const { tasks } = await get(`${server.url}/api/tasks`) as { tasks: ReadonlyArray<{ kind: string }> }
    assert.deepStrictEqual(tasks.map(({ kind }) => kind), ["aibtc-checkin"])
    server.process.kill("SIGTERM")
    await server.ended
  })

  it("R-45: what is logged is a line of JSON each, with its time", async () => {
    const project = new Project()
    await project.fermata("tasks", "add", "aibtc-checkin", "--id", "t", ...config)
    const { code, stderr } = await project.fermata(
      "run-once",
      "--log-format",
      "json",
      "--log-level",
      "debug",
      ...config
    )
    assert.strictEqual(code, 0, stderr)
    const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.isAbove(lines.length, 2)
    for (const line of lines) {
      assert.isFalse(Number.isNaN(Date.parse(String(line["time"] ?? line["timestamp"]))), JSON.stringify(line))
      assert.isString(line["message"] ?? line["msg"])
    }
  })

  it("R-61: an installation that is in order is told so with 0, and else with 1 and the check that failed", async () => {
    const project = new Project()
    const check = async (...args: ReadonlyArray<string>) => {
      const { code, json } = await project.fermata("doctor", "--setup", "--json", ...args)
      const { findings } = json as unknown as { findings: ReadonlyArray<{ name: string; level: string }> }
      return [code, ...findings.filter(({ level }) => level === "problem").map(({ name }) => name)]
    }
    await project.fermata("tasks", "add", "aibtc-checkin", ...config)
    assert.deepStrictEqual(await check(...config), [0])
    const broken = join(project.folder, "broken.config.mjs")
    writeFileSync(broken, "export default { dispatch: 7 }")
    assert.deepStrictEqual(await check("--config", broken), [1, "configuration"])
    const damaged = join(project.folder, "damaged.db")
    writeFileSync(damaged, "this is no database, whatever its name says\n".repeat(200))
    assert.deepStrictEqual(await check("--db", damaged, ...config), [1, "database"])
  })

  it("R-68: one program has all of it, and its help lists it", async () => {
    const { code, stdout } = await new Project().fermata("--help")
    assert.strictEqual(code, 0)
    for (
      const command of [
        "tasks",
        "queue",
        "schedules",
        "sensors",
        "sources",
        "bridge",
        "webhooks",
        "instances",
        "run-once",
        "status",
        "doctor",
        "export",
        "import",
        "retention"
      ]
    ) {
      assert.match(stdout, new RegExp(`^ +${command}\\b`, "m"), command)
    }
  })
})
