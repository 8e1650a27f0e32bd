/** Tasks in processes that are killed; `npm run storm:tasks` does the same with 100,000 of them. */
import { assert, describe, it } from "vitest"
import { storm } from "../simulation/tasks/Storm.ts"

describe("workers of a queue, some of which are killed", () => {
  it(
    "N-26, R-30, R-42: lose no task, settle none twice, run no body again that no kill has cut off, and serve lanes in equal shares",
    { timeout: 120_000 },
    async () => {
      const { killed, lost, unfairness, violations } = await storm({
        tasks: 3_000,
        lanes: 50,
        workers: 4,
        kills: 6,
        seed: 1
      })
      assert.deepStrictEqual(violations, [])
      assert.strictEqual(killed, 6)
      assert.isAbove(lost, 0)
      assert.isAtMost(unfairness.untouched, 0.1)
    }
  )
})
