import { assert, describe, it } from "@effect/vitest"
import { storms } from "./storm.ts"

const runs = process.env["FERMATA_LONG"] === undefined ? 300 : 2_000

describe("npm run storm", () => {
  it(
    `S4, S6, S7, S9, S11: of ${runs} runs none diverges, is stuck, or sleeps through what should have woken it`,
    async () => {
      const { status, stderr, stdout } = await storms(["--runs", `${runs}`])
      assert.strictEqual(status, 0, stderr)
      const report = JSON.parse(stdout) as Record<string, number>
      assert.isAtLeast(report["runs"]!, runs)
      assert.include(report, { divergences: 0, stuck: 0, lostWakeUps: 0, others: 0 })
    }
  )

  it("the same seed gives the same history and journals, and another seed others", async () => {
    const digests = async (seed: string) => {
      const { history, journals } = JSON.parse((await storms(["--runs", "9", "--seed", seed])).stdout) as Record<
        string,
        unknown
      >
      return { history, journals }
    }
    const one = await digests("7")
    assert.deepStrictEqual(await digests("7"), one)
    const other = await digests("8")
    assert.notStrictEqual(other.history, one.history)
    assert.notStrictEqual(other.journals, one.journals)
  })

  it("refuses a number of runs that is none", async () => {
    const { status, stderr } = await storms(["--runs", "0"])
    assert.strictEqual(status, 2)
    assert.include(stderr, "whole number")
  })
})
