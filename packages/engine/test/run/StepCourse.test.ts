import { assert, describe, it } from "@effect/vitest"
import * as Pass from "../../src/internal/run/Pass.ts"
import * as Phase from "../../src/internal/run/Phase.ts"
import { StepCourse } from "../../src/internal/run/StepCourse.ts"
import { bareRun } from "../support/BareRun.ts"

const letGo = { _tag: "BodyLetGo", key: "a", text: "" }

describe("a step that is asked for again when nobody waited for it any more", () => {
  /** What has become of it: its phase, and what is written. */
  const again = (onCrash: string, phase: Phase.Phase, ...entries: ReadonlyArray<object>) => {
    const { run } = bareRun({ _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash }, ...entries)
    run.phase = phase
    const step = Pass.addStep(run.pass, run.ledger.steps.get("a")!, { onCrash } as never)
    Pass.setPhase(run.pass, step, "abandoned")
    new StepCourse(run).askAgain(step)
    return [step.phase, run.batch.entries.map(({ _tag }) => _tag), run.toStart]
  }

  it("S2: is done again, since whoever gave it up did so before it had ended", () => {
    for (const onCrash of ["rerun", "ask"]) {
      assert.deepStrictEqual(again(onCrash, Phase.live), ["queued", ["StepRequested"], ["a"]])
    }
  })

  it("S2: goes by its rule for crashes where its body was let go, and may still act", () => {
    assert.deepStrictEqual(again("ask", Phase.live, letGo), ["unknown", [], []])
    assert.deepStrictEqual(again("rerun", Phase.live, letGo), ["queued", ["StepRequested"], ["a"]])
  })

  it("S9: is one that is recorded while the journal is delivered", () => {
    assert.deepStrictEqual(again("rerun", Phase.replaying), ["recorded", [], []])
  })
})
