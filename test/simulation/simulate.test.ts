import { assert, describe, it } from "@effect/vitest"
import { type Ended } from "./Command.ts"
import { simulate } from "./simulate.ts"

const reportOf = ({ stdout }: Ended) => JSON.parse(stdout) as Record<string, unknown>

/** Enough that all live but the agents, which have a test of their own; with `FERMATA_LONG` those too, and one thing goes through all its crash points. */
const isLong = process.env["FERMATA_LONG"] !== undefined
const runs = isLong ? 600 : 300

describe("npm run simulate", () => {
  it(`S1 to S17: ${runs} runs break no promise`, async () => {
    const simulated = await simulate(["--runs", `${runs}`, "--seed", "4314"])
    assert.strictEqual(simulated.status, 0, simulated.stderr)
    const report = reportOf(simulated)
    assert.strictEqual(report["violations"], 0)
    assert.isAtLeast(report["runs"] as number, runs)
    if (isLong) assert.isAbove(report["crashPoints"] as number, 0)
    assert.isAbove(report["simulatedMs"] as number, 0)
  })

  it("the same seed gives the same history and journals, and another seed others", async () => {
    const digests = async (seed: string) => {
      const { history, journals } = reportOf(await simulate(["--runs", "20", "--seed", seed]))
      return { history, journals }
    }
    const one = await digests("7")
    assert.deepStrictEqual(await digests("7"), one)
    const other = await digests("8")
    assert.notStrictEqual(other.history, one.history)
    assert.notStrictEqual(other.journals, one.journals)
  })

  it.each([
    [["--runs", "many"], "whole number"],
    [["--only", "nothing"], "there is nothing"],
    [["--tape", "write:1:2"], "--only"],
    [["--lives", "5"], "--only"],
    [["--lives", "no", "--only", "an agent"], "whole number"],
    [["--sed", "1"], "--sed"]
  ])("refuses %s with what would be right", async (args, why) => {
    const { status, stderr, stdout } = await simulate(args)
    assert.strictEqual(status, 2)
    assert.include(stderr, why)
    assert.strictEqual(stdout, "")
  })
})
