import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const simulate = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, "simulate.ts"), ...args], {
    cwd: root,
    encoding: "utf8"
  })
  return { status, stderr, stdout, json: () => JSON.parse(stdout) as Record<string, unknown> }
}

describe("npm run simulate", () => {
  it("S1 to S17: 500 runs break no promise", () => {
    const { json, status, stderr } = simulate("--runs", "500", "--seed", "4314")
    assert.strictEqual(status, 0, stderr)
    const report = json()
    assert.strictEqual(report["violations"], 0)
    assert.isAtLeast(report["runs"] as number, 500)
    assert.isAbove(report["crashPoints"] as number, 0)
    assert.isAbove(report["simulatedMs"] as number, 0)
  }, 240_000)

  it("the same seed gives the same history and journals, and another seed others", () => {
    const digests = (seed: string) => {
      const { history, journals } = simulate("--runs", "20", "--seed", seed).json()
      return { history, journals }
    }
    const one = digests("7")
    assert.deepStrictEqual(digests("7"), one)
    const other = digests("8")
    assert.notStrictEqual(other.history, one.history)
    assert.notStrictEqual(other.journals, one.journals)
  }, 120_000)

  it.each([
    [["--runs", "many"], "whole number"],
    [["--only", "nothing"], "there is nothing"],
    [["--tape", "write:1:2"], "--only"],
    [["--sed", "1"], "--sed"]
  ])("refuses %s with what would be right", (args, why) => {
    const { status, stderr, stdout } = simulate(...args)
    assert.strictEqual(status, 2)
    assert.include(stderr, why)
    assert.strictEqual(stdout, "")
  })
})
