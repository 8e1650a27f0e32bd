/** Tasks in processes that are killed; `npm run storm:tasks` does the same with 100,000 of them. */
import { assert, describe, it } from "vitest"
import { storm } from "../simulation/tasks/Storm.ts"

describe("workers of a queue, some of which are killed", () => {
  it(
    "N-26, R-30, R-42: lose no task, settle none twice, run no body again that no kill has cut off, and serve all lanes",
    { timeout: 120_000 },
    async () => {
      const { killed, lost, unfairness, violations } = await storm({
        tasks: 3_000,
        lanes: 50,
        workers: 4,
        concurrency: 2,
        kills: 6,
        seed: 1
      })
      assert.deepStrictEqual(violations, [])
      assert.strictEqual(killed, 6)
      assert.isAbove(lost, 0)
      // A lane of which a worker that gets no processor has a task waits for it, and of few lanes that shows: of many,
      // as in the whole storm, shares are within a tenth.
      assert.isAtMost(unfairness.untouched, 0.25)
    }
  )
})
