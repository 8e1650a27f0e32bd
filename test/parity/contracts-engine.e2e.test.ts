import { assert, describe, it } from "@effect/vitest"
import { EngineEvent, RunView, Upcast } from "@fermata/core"
import { Exit } from "effect"
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Recording } from "../replay/Recordings.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

describe("packages and construction", () => {
  it("C-01: a clean project imports the engine, the contracts and the entries below them", () => {
    const project = mkdtempSync(join(tmpdir(), "fermata-clean-"))
    try {
      mkdirSync(join(project, "node_modules/@fermata"), { recursive: true })
      for (const name of ["core", "engine", "contracts", "testing", "host-node"]) {
        const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"))
        assert.deepInclude(manifest, { name: `@fermata/${name}`, license: "MIT" })
        symlinkSync(join(root, "packages", name), join(project, "node_modules/@fermata", name))
      }
      writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
      writeFileSync(
        join(project, "main.js"),
        `
        import { Contract, TicketTriage } from "@fermata/contracts"
        import * as engine from "@fermata/engine"
        import { Events } from "@fermata/engine/Events"
        import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
        import { TestHost } from "@fermata/testing/TestHost"
        import { NodeHost } from "@fermata/host-node"
        const parts = [Contract.schemaOf, TicketTriage.ticketTriageContract, engine.Engine.Engine, Events, TaskRuntime, TestHost, NodeHost.layer]
        console.log(parts.every((part) => part !== undefined))`
      )
      const { status, stderr, stdout } = spawnSync(process.execPath, ["main.js"], { cwd: project, encoding: "utf8" })
      assert.strictEqual(stdout, "true\n", stderr)
      assert.strictEqual(status, 0)
    } finally {
      rmSync(project, { recursive: true, force: true })
    }
  })
})

describe("determinism", () => {
  it("C-10: every recorded journal gives the same states and the same effects in another process", () => {
    const journals = globSync("test/replay/journals/*/*.json", { cwd: root }).flatMap((file) => {
      const { runs } = JSON.parse(readFileSync(join(root, file), "utf8")) as Recording
      return runs.map(({ entries, row: { id, workflow } }) => ({
        id,
        workflow,
        entries: entries.map((entry, seq) => Exit.getSuccess(Upcast.read(id, seq, JSON.stringify(entry))))
          .map((entry) => entry._tag === "Some" ? entry.value : assert.fail("an entry cannot be read"))
      }))
    })
    assert.isAbove(journals.length, 10)
    const here = journals.map(({ entries, id, workflow }) => {
      let view = RunView.empty(id)
      return entries.map((entry) => {
        const effects = EngineEvent.of(id, workflow, entry, view)
        view = RunView.fold(view, entry)
        return { view, effects }
      })
    })
    const script = `
      import { EngineEvent, RunView } from "@fermata/core"
      import { readFileSync } from "node:fs"
      const journals = JSON.parse(readFileSync(0, "utf8"))
      process.stdout.write(JSON.stringify(journals.map(({ entries, id, workflow }) => {
        let view = RunView.empty(id)
        return entries.map((entry) => {
          const effects = EngineEvent.of(id, workflow, entry, view)
          view = RunView.fold(view, entry)
          return { view, effects }
        })
      })))`
    const there = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
      encoding: "utf8",
      input: JSON.stringify(journals),
      maxBuffer: 1 << 28
    })
    assert.strictEqual(there.status, 0, there.stderr)
    assert.isTrue(there.stdout === JSON.stringify(here), "another process comes to other states or effects")
  })
})
