import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import type { Readable } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { assert, describe, it, onTestFinished } from "vitest"
import { processOf, self } from "../src/internal/Processes.ts"

/** Only where the system tells when a process started can anything be known of one. */
const isKnown = existsSync("/proc/self/stat")

describe.runIf(isKnown)("what is known of a process", () => {
  it("is that this one is there", () => assert.strictEqual(processOf(self()), "there"))

  it("is that another is there, and then gone", async () => {
    const child = spawn(process.execPath, [
      "-e",
      `
      import(${JSON.stringify(new URL("../src/internal/Processes.ts", import.meta.url).href)})
        .then(({ self }) => { console.log(JSON.stringify(self())); setInterval(() => {}, 1000) })
    `
    ], { stdio: ["ignore", "pipe", "inherit"] })
    const info = JSON.parse(
      await new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text))))
    ) as Record<string, unknown>
    assert.strictEqual(info["pid"], child.pid)
    assert.strictEqual(processOf(info), "there")
    child.kill("SIGKILL")
    await new Promise((resolve) => child.once("exit", resolve))
    assert.strictEqual(processOf(info), "gone")
  })

  it("is that one is gone of which only its exit code is left", async () => {
    // A parent that stands still fetches no exit codes. Its child alone holds the third pipe, which closes with it.
    const program = `
      const { pid } = require("node:child_process").spawn("sh", ["-c", "read line"], {
        stdio: ["inherit", "ignore", "ignore", 3]
      })
      require("node:fs").closeSync(3)
      require("node:fs").writeSync(1, String(pid))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    `
    const parent = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit", "pipe"] })
    onTestFinished(() => void parent.kill("SIGKILL"))
    const [stdin, stdout, , held] = parent.stdio
    const pid = Number(await new Promise<string>((resolve) => stdout!.once("data", (text) => resolve(String(text)))))
    const fields = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
    const closed = new Promise((resolve) => (held as Readable).once("end", resolve).resume())
    stdin!.write("go\n")
    await closed
    // The system closes what a process held just before it says that the process has ended.
    while (fields()[0] !== "Z") await setTimeout(10)
    assert.strictEqual(processOf({ ...self(), pid, started: Number(fields()[19]) }), "gone")
  })

  it("is that one is gone whose pid belongs to another now", () =>
    assert.strictEqual(processOf({ ...self(), started: Number(self()["started"]) - 1 }), "gone"))

  it("is nothing about processes of other machines, other boots and other containers, and about what does not say", () => {
    const here = self()
    assert.include(String(here["place"]), readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
    for (const other of [{ place: "elsewhere pid:[1]" }, { place: undefined }, { pid: "7" }, { started: undefined }]) {
      assert.strictEqual(processOf({ ...here, pid: 2 ** 22 + 1, ...other }), "unknown")
    }
    assert.strictEqual(processOf({}), "unknown")
  })
})
