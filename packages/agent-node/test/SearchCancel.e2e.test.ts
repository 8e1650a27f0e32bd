/** A search that is cancelled leaves no process behind, also where that process would go on for long. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Found, Job } from "../src/internal/search/Job.ts"
import * as Thread from "../src/internal/Thread.ts"

const thread = new URL("../src/internal/search/SearchThread.ts", import.meta.url)

const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (!holds()) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })

/** Whether the process is there and has not ended: what nobody has waited for yet is no more than a name. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

describe("a search", () => {
  it.live("takes the process that helps it along when it is cancelled", () =>
    Effect.gen(function*() {
      const root = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-search-"))),
        (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
      )
      writeFileSync(join(root, "a.txt"), "one\n")
      const begun = join(root, "begun")
      const program = join(root, "endless")
      writeFileSync(
        program,
        `#!/bin/sh\ntrap '' TERM\necho $$ > ${begun}.part && mv ${begun}.part ${begun}\nexec sleep 86391\n`,
        {
          mode: 0o755
        }
      )
      const job: Job = {
        kind: "grep",
        root,
        start: "",
        hidden: [],
        pattern: "one",
        glob: undefined,
        mode: "content",
        ignoreCase: false,
        multiline: false,
        numbers: true,
        before: 0,
        after: 0,
        most: 10,
        maxBytes: 1_000,
        ripgrep: program
      }
      const searching = yield* Effect.forkChild(Thread.run<Job, Found>(thread, "10 minutes", job))
      yield* until(() => existsSync(begun))
      const pid = Number(readFileSync(begun, "utf8"))
      assert.isTrue(isAlive(pid))
      yield* Fiber.interrupt(searching)
      yield* until(() => !isAlive(pid))
    }))
})
