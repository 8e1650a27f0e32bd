/** The command on a disk that is full, for a while or from the start. */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { Lines } from "./support/Lines.ts"
import { SmallDisk } from "./support/SmallDisk.ts"

const config = join(import.meta.dirname, "kill/fermata.config.ts")

const count = (text: string, part: string): number => text.split(part).length - 1

/** A project whose database lies on a small disk. */
const project = (disk: SmallDisk) => {
  const project = new Project()
  const db = join(disk.folder, "fermata.db")
  const lines = new Lines(join(project.folder, "lines.txt"))
  const env = { FERMATA_DB: db, KILL_LINES: lines.file }
  return {
    db,
    start: (...args: ReadonlyArray<string>) => project.start([...args, "--config", config, "--lease", "2000"], { env }),
    /** A JSON file that is not on the small disk, as options name it. */
    file: (name: string, value: unknown) => {
      const path = join(project.folder, name)
      writeFileSync(path, JSON.stringify(value))
      return `@${path}`
    },
    bodies: () => lines.all,
    /** Waits until this many bodies have run. */
    reached: lines.reach
  }
}

describe("a full disk", () => {
  it("S1, S3, S4, S13: stops the runs of a worker until there is room, as often as it comes, and no body runs twice", async ({ skip }) => {
    const disk = SmallDisk.make(8)
    if (disk === undefined) return skip("nobody may mount here")
    const { bodies, db, file, reached, start } = project(disk)
    const steps = 400
    // What is small may still find space in the log, which begins anew where all of it has been copied.
    const large = "b".repeat(1_000_000)
    const started = await start("run", "count", "--detach", "--json", "--input", JSON.stringify({ id: "a", steps }))
      .ended
    assert.strictEqual(started.code, 0, started.stderr)
    const { runId } = started.json
    const worker = start("worker")
    // More outages than crashes that a run is allowed.
    const outages = 7
    for (let outage = 1; outage <= outages; outage++) {
      await reached(outage * 40)
      disk.fill()
      await worker.says("error: ", outage)
      if (outage === 1) {
        const [other, signal, ls, journal] = await Promise.all([
          start("run", "count", "--detach", "--json", "--input", file("input.json", { id: large, steps })).ended,
          start("signal", runId, "go", "--data", file("data.json", large)).ended,
          start("runs", "ls", "--json").ended,
          start("runs", "journal", runId, "--json").ended
        ])
        for (const { code, stderr } of [other, signal]) {
          assert.strictEqual(code, 1, stderr)
          assert.include(stderr, `error: The store could not write: the disk is full (${db}); free some space there\n`)
          assert.strictEqual(count(stderr, "error:"), 1, stderr)
          assert.notMatch(stderr, /^\s+at /m, "a stack trace")
        }
        assert.deepStrictEqual([ls.code, journal.code], [0, 0], ls.stderr + journal.stderr)
        assert.deepStrictEqual(ls.lines.map((run) => [run.runId, run.status]), [[runId, "running"]])
      }
      disk.free()
    }
    await worker.says("completed")
    worker.process.kill("SIGTERM")
    const { stderr } = await worker.ended
    assert.strictEqual(count(stderr, "error:"), outages, stderr)
    assert.strictEqual(
      count(
        stderr,
        `error: runs wait until there is room, lose nothing, and then go on by themselves: The store could not write: the disk is full (${db}); free some space there\n`
      ),
      outages
    )
    assert.deepStrictEqual(bodies(), Array.from({ length: steps }, (_, index) => `a ${index}`))
    const journal = await start("runs", "journal", runId, "--json").ended
    assert.isFalse(journal.stdout.includes("\"recovery\""), "a full disk counts as no crash")
    assert.deepStrictEqual(journal.lines.map(({ seq }) => seq), journal.lines.map((_, seq) => seq))
  })

  it("S4: lets a worker be stopped, and the next goes on where it was", async ({ skip }) => {
    const disk = SmallDisk.make(8)
    if (disk === undefined) return skip("nobody may mount here")
    const { bodies, reached, start } = project(disk)
    const steps = 100
    const running = start("run", "count", "--input", JSON.stringify({ id: "a", steps }))
    await reached(30)
    disk.fill()
    await running.says("the disk is full")
    running.process.kill("SIGTERM")
    await running.ended
    disk.free()
    const worker = await start("worker", "--until-idle").ended
    assert.include(worker.stdout, "completed", worker.stderr)
    // What was in flight when the process was stopped was not recorded, and runs again.
    assert.isAtMost(bodies().length, steps + 1)
    assert.deepStrictEqual([...new Set(bodies())], Array.from({ length: steps }, (_, index) => `a ${index}`))
  })

  it.skipIf(spawnSync("prlimit", ["--version"]).status !== 0)(
    "S1, S4: is no other where a limit on the size of files is met, and raised again",
    async () => {
      const project = new Project()
      const lines = new Lines(join(project.folder, "lines.txt"))
      const steps = 150
      const input = JSON.stringify({ id: "a", steps })
      const running = project.start(["run", "count", "--json", "--input", input, "--config", config], {
        env: { KILL_LINES: lines.file },
        // Of 512 bytes each: room for the tables and some of the steps.
        through: ["sh", "-c", "ulimit -S -f 1300; exec \"$0\" \"$@\""]
      })
      await running.says("runs wait until there is room")
      assert.strictEqual(spawnSync("prlimit", ["--pid", String(running.process.pid), "--fsize=unlimited:"]).status, 0)
      const { json, stderr } = await running.ended
      assert.deepInclude(json, { status: "completed", output: steps }, stderr)
      assert.include(stderr, `The store could not write: the disk takes no more (${project.db}); free some space there`)
      assert.deepStrictEqual(
        lines.all,
        Array.from({ length: steps }, (_, index) => `a ${index}`)
      )
    }
  )

  it("is one clear error of a command that begins there", async ({ skip }) => {
    const disk = SmallDisk.make(2)
    if (disk === undefined) return skip("nobody may mount here")
    const { bodies, db, start } = project(disk)
    disk.fill()
    const { code, stderr, stdout } = await start("run", "count", "--input", JSON.stringify({ id: "a", steps: 3 })).ended
    assert.deepStrictEqual([code, stdout], [2, ""], stderr)
    assert.strictEqual(
      stderr,
      `error: The store could not open its database: the disk is full (${db}); free some space there\n`
    )
    disk.free()
    const again = await start("run", "count", "--json", "--input", JSON.stringify({ id: "a", steps: 3 })).ended
    assert.deepInclude(again.json, { joined: false, status: "completed" })
    assert.lengthOf(bodies(), 3)
    disk.fill()
    const { runId } = again.json
    const looks = [
      ["runs", "ls"],
      ["runs", "show", runId],
      ["runs", "journal", runId],
      ["runs", "tail", runId],
      ["runs", "diff", runId, runId],
      ["approvals", "ls"],
      ["upgrade", "check"],
      ["replay", runId]
    ]
    for (const [index, looked] of (await Promise.all(looks.map((args) => start(...args).ended))).entries()) {
      assert.strictEqual(looked.code, 0, `${looks[index]!.join(" ")}: ${looked.stderr}`)
    }
    const doctor = await start("doctor", "--json").ended
    assert.strictEqual(doctor.code, 1)
    assert.deepStrictEqual(doctor.json.findings.filter(({ level }) => level === "problem").map(({ name }) => name), [
      "disk"
    ])
    assert.include(doctor.json.findings.find(({ name }) => name === "runs")?.message, "1 completed")
  })
})
