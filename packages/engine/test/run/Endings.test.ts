import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import { Workflow } from "effect/workflow"
import { Endings } from "../../src/internal/run/Endings.ts"
import * as Phase from "../../src/internal/run/Phase.ts"
import type { RunParts } from "../../src/internal/run/RunParts.ts"
import { Writing } from "../../src/internal/run/Writing.ts"
import { bareRun } from "../support/BareRun.ts"

const { ended, ...others } = Phase
const isWritten = new Set<unknown>([Phase.live, Phase.replaying])

describe("the end of the code", () => {
  for (const [name, phase] of Object.entries({ ended, ...others })) {
    it(`is ${isWritten.has(phase) ? "written" : "not written yet, or not any more"} when the run is ${name}`, () => {
      const { commits, run } = bareRun()
      run.phase = phase
      const parts = {
        run,
        writing: new Writing(run, { taken: () => {}, stillHeld: () => [], deposed: () => {} }),
        inbox: { end: () => {}, hasUnread: () => false },
        main: { outcome: () => ({ _tag: "Success", value: 1 }) }
      }
      const endings = new Endings(parts as unknown as RunParts, { row: run.row, release: () => {} })
      endings.finish(Exit.succeed(new Workflow.Complete({ exit: Exit.succeed(1) })) as never, false)
      const entries = commits.flatMap(({ contents }) => contents.entries.map(({ _tag }) => _tag))
      assert.deepStrictEqual(entries, isWritten.has(phase) ? ["RunCompleted"] : [])
      assert.strictEqual(run.phase, isWritten.has(phase) ? Phase.leaving : phase)
    })
  }
})

describe("the end of code that was told to end, while a signal is unread", () => {
  const end = { _tag: "EndOffered", key: "go", name: "go" } as const
  const act = { _tag: "Decided", key: "d", name: "d" } as const
  const late = { _tag: "MessageRefused", kind: "signal", why: "late", text: "…" } as const
  const told = { _tag: "StepCompleted", key: "a", attempt: 1 } as const
  for (
    const [what, since, isTakenBack] of [
      ["and did nothing since", [], true],
      ["and did something at once since", [act, end, late], true],
      ["and was told something since", [told], false]
    ] as const
  ) {
    it(`S6: is ${isTakenBack ? "taken back" : "written"} when the code was told so ${what}`, () => {
      const { commits, run } = bareRun()
      const before = run.append({ _tag: "RunStarted" })
      run.batch.offerEnd()
      for (const body of [end, ...since]) run.append(body)
      const names: Array<string> = []
      const parts = {
        run,
        writing: new Writing(run, { taken: () => {}, stillHeld: () => [], deposed: () => {} }),
        inbox: {
          end: () => {},
          hasUnread: (wanted: ReadonlySet<string>) => {
            names.push(...wanted)
            return wanted.has("go")
          }
        },
        main: { outcome: () => ({ _tag: "Success", value: 1 }) }
      }
      const endings = new Endings(parts as unknown as RunParts, { row: run.row, release: () => {} })
      endings.finish(Exit.succeed(new Workflow.Complete({ exit: Exit.succeed(1) })) as never, true)
      assert.deepStrictEqual(names, isTakenBack ? ["go"] : [])
      const [{ contents } = assert.fail("nothing is written")] = commits
      assert.strictEqual(contents.ended === undefined, isTakenBack)
      assert.deepStrictEqual(
        contents.entries.map(({ _tag }) => _tag),
        isTakenBack ? ["RunStarted"] : ["RunStarted", "EndOffered", "StepCompleted", "RunCompleted"]
      )
      assert.strictEqual(contents.entries[0], before)
    })
  }
})

describe("a run that is suspended without an entry", () => {
  for (const [ok, how] of [[true, "released"], [false, "deposed"]] as const) {
    it(`is ${how} when the store has ${ok ? "taken" : "refused"} that, and nothing that it did is written`, () => {
      const { commits, gone, run } = bareRun()
      run.append({ _tag: "RunStarted" })
      const parts = {
        run,
        writing: new Writing(run, { taken: () => {}, stillHeld: () => [], deposed: () => {} }),
        bodies: { drop: () => {} },
        outsideWaits: { drop: () => {} }
      }
      const endings = new Endings(parts as unknown as RunParts, { row: run.row, release: () => {} })
      endings.suspendUnrecorded("diverged", { key: "a", detail: "it differs" })
      assert.strictEqual(run.phase, Phase.leaving)
      const [{ contents, done } = assert.fail("nothing is written")] = commits
      const waits = [{ reason: "diverged", key: "a", detail: "it differs" }]
      assert.deepStrictEqual([contents.entries, contents.unrecorded?.waits], [[], waits] as never)
      assert.deepStrictEqual(JSON.parse(contents.status!.waits!), waits)
      done(ok)
      assert.deepStrictEqual([run.phase, gone], [Phase.dropped, [how]])
    })
  }
})
