import { assert, describe, it } from "@effect/vitest"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { Project } from "./support/Project.ts"

const config = ["--config", fileURLToPath(new URL("support/dispatch.config.ts", import.meta.url))]

describe("a configuration that says who does tasks", () => {
  it("R-07, R-29, R-38, R-55: tasks are added by the command, done in one round, and read with their results", async () => {
    const project = new Project()
    for (const n of [1, 2, 3]) {
      const added = await project.fermata(
        "tasks",
        "add",
        "--task",
        JSON.stringify({ kind: "aibtc-checkin", id: `t${n}`, payload: n }),
        ...config
      )
      assert.deepInclude(added, { code: 0, stdout: `t${n}\n` })
    }
    const round = await project.fermata("run-once", ...config)
    assert.strictEqual(round.code, 0, round.stderr)
    for (const n of [1, 2, 3]) {
      const shown = await project.fermata("tasks", "show", `t${n}`, "--json")
      assert.deepInclude(shown.json as object, {
        status: "completed",
        adapter: "heartbeat",
        result: { output: { given: n }, artifacts: [] }
      })
    }
    // With nothing to do it ends as well.
    assert.strictEqual((await project.fermata("run-once", ...config)).code, 0)
  })

  it("R-18, R-32: a round fires the schedules that are due before it takes tasks, so what they ask for is done in it", async () => {
    const project = new Project()
    const put = await project.fermata(
      "schedules",
      "put",
      "nightly",
      "--every",
      "1h",
      "--start",
      "2026-01-31T00:00Z",
      "--task",
      "{\"kind\":\"aibtc-checkin\",\"payload\":7}"
    )
    assert.strictEqual(put.code, 0, put.stderr)
    const due = await project.fermata("schedules", "run", "nightly")
    assert.strictEqual(due.code, 0, due.stderr)
    const round = await project.fermata("run-once", ...config)
    assert.strictEqual(round.code, 0, round.stderr)
    const told = round.stderr.split("\n")
    const place = (what: RegExp) => told.findIndex((line) => what.test(line))
    assert.isAtLeast(place(/slots? of schedules fired/), 0, round.stderr)
    assert.isBelow(place(/slots? of schedules fired/), place(/worker \d+ on/))
    const { lines } = await project.fermata("tasks", "ls", "--json")
    assert.lengthOf(lines, 1)
    assert.deepInclude(lines[0] as object, { kind: "aibtc-checkin", status: "completed" })
  })

  it("R-48, R-50 to R-53, R-62 to R-65: instances of machines are made, pursued in rounds of work, listed, shown and moved", async () => {
    const project = new Project()
    const goal = JSON.stringify({ summary: "Answer Ada", objective: "Ada knows" })
    const typed = (...args: ReadonlyArray<string>) => project.fermata("instances", ...args, ...config)
    assert.deepInclude(await typed("ls"), { code: 2 })
    const made = await typed("create", "goal-loop", "ada-1", "--context", goal, "--json")
    assert.strictEqual(made.code, 0, made.stderr)
    assert.deepInclude(made.json as object, { key: "ada-1", joined: false })
    assert.deepInclude((await typed("create", "goal-loop", "ada-1", "--context", goal, "--json")).json as object, {
      joined: true
    })
    assert.strictEqual((await project.fermata("run-once", ...config)).code, 0)
    const shown = await typed("show", "ada-1", "--json")
    assert.deepInclude(shown.json as object, { state: "met", status: "completed", allowed: [] })
    assert.match((await typed("show", "ada-1")).stdout, /^instance ada-1 of goal-loop, run .*\nstate {4}met\n/)

    await typed(
      "create",
      "community-research",
      "wiki",
      "--context",
      "{\"slug\":\"a\",\"topic\":\"b\",\"output_path\":\"c.md\"}"
    )
    assert.strictEqual((await project.fermata("run-once", ...config)).code, 0)
    assert.match((await typed("ls")).stdout, /wiki +community-research +research/)
    const refused = await typed("move", "wiki", "published")
    assert.deepStrictEqual([refused.code, refused.stdout], [2, ""])
    assert.include(refused.stderr, "does not go from \"research\" to \"published\"")
    assert.strictEqual((await typed("move", "wiki", "abandoned", "--note", "not now")).code, 0)
    assert.strictEqual((await project.fermata("run-once", ...config)).code, 0)
    assert.deepInclude((await typed("show", "wiki", "--json")).json as object, { state: "abandoned" })
    for (
      const args of [["create", "gaol-loop", "x"], ["show", "nowhere"], ["create", "goal-loop", "y", "--context", "{}"]]
    ) {
      const { code, stderr } = await typed(...args)
      assert.strictEqual(code, 2, stderr)
      assert.match(stderr, /^error: /)
    }
  })

  it("R-12, R-13, R-55: a task that nobody does is refused with 2, and nothing is added", async () => {
    const project = new Project()
    const refused = async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await project.fermata("tasks", "add", ...args, ...config)
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      return stderr
    }
    assert.include(await refused("discord-reply"), "nobody does tasks of kind \"discord-reply\" here")
    assert.include(
      await refused("aibtc-checkin", "--adapter", "codex"),
      "there is no adapter \"codex\" here; there are \"goal\", \"heartbeat\""
    )
    assert.include(await refused("aibtc-checkin", "--profile", "lumen"), "There is no profile \"lumen\"; none is known")
    assert.include(await refused("--task", "{\"kind\":\"aibtc-checkin\",\"colour\":1}"), "colour")
    assert.include(await refused("--task", "{not"), "--task")
    assert.deepInclude(await project.fermata("tasks", "ls", "--json"), { code: 0, stdout: "" })
  })

  it("R-30, R-59: while another process does a round of work, a second is told so with 4, and nothing is done", async () => {
    const project = new Project()
    await project.fermata("tasks", "add", "aibtc-checkin", "--id", "t", ...config)
    const held = (until: number) =>
      Effect.runPromise(
        Effect.flatMap(SqliteBackend.make({ file: project.db }), (backend) =>
          backend.write([
            { op: "heartbeat", owner: { id: "other", expiresAt: until, worker: true, info: "{}" } },
            { op: "bookmark", name: "dispatch", holder: "other", now: Date.now(), until }
          ])).pipe(Effect.scoped)
      )
    await held(Date.now() + 60_000)
    const second = await project.fermata("run-once", ...config)
    assert.strictEqual(second.code, 4)
    assert.include(second.stderr, "another process does a round of work; nothing was done here")
    assert.deepInclude((await project.fermata("tasks", "show", "t", "--json")).json as object, {
      status: "queued",
      attempts: 0
    })
    // It has died, and its lease is over.
    await held(Date.now() - 1)
    const third = await project.fermata("run-once", ...config)
    assert.strictEqual(third.code, 0, third.stderr)
    assert.deepInclude((await project.fermata("tasks", "show", "t", "--json")).json as object, { status: "completed" })
  })
})
