import { assert, describe, it } from "@effect/vitest"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as EngineProbe from "@fermata/engine/EngineProbe"
import * as JournalLaw from "../src/simulator/JournalLaw.ts"

const { journals } = EngineProbe
type Fold = typeof journals

/** A run that suspends on its failure, is resumed, and pauses between attempts. */
const journal = ([
  { _tag: "RunRequested", workflow: "w", version: "1", payload: null },
  { _tag: "RunStarted" },
  { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun" },
  { _tag: "StepRequested", key: "b", name: "b", attempt: 1, onCrash: "rerun" },
  { _tag: "StepFailed", key: "a", attempt: 1, cause: [], retryAt: 90 },
  { _tag: "StepFailed", key: "b", attempt: 1, cause: [], parked: true },
  { _tag: "RunSuspended", waits: [{ reason: "operator", key: "failure" }] },
  { _tag: "RunResumed", by: "ada" },
  { _tag: "StepRequested", key: "a", name: "a", attempt: 2, onCrash: "rerun" },
  { _tag: "StepRequested", key: "b", name: "b", attempt: 1, onCrash: "rerun" },
  { _tag: "StepCompleted", key: "a", attempt: 2 }
] as const).map((body, seq) => Object.assign({ seq, at: seq * 10, epoch: 1 }, body)) as ReadonlyArray<JournalEntry>

/** Folds with a fault, and what is found of each. */
const faults: ReadonlyArray<readonly [fault: string, fold: Fold, found: RegExp]> = [
  [
    "that looks at the whole journal first",
    {
      load: (history) => Object.assign(journals.load(history), { seen: history.length }),
      apply: journals.apply
    },
    /^entry by entry from 0 on it comes to something else than at once$/
  ],
  [
    "that changes what it is given",
    {
      load: (history) => {
        for (const entry of history) if (entry._tag === "RunResumed") Object.assign(entry, { by: "bob" })
        return journals.load(history)
      },
      apply: journals.apply
    },
    /^an entry was changed/
  ],
  [
    "that forgets a step which is asked for again",
    {
      load: journals.load,
      apply: (state, entry) => {
        journals.apply(state, entry)
        for (const step of state.open) if (step.entry.attempt === 2) (state.open as Set<unknown>).delete(step)
      }
    },
    /^at entry 8 it has \{"steps":\[\],.*\}, and its view has \{"steps":\[\["a",2,null\]\],/
  ]
]

describe("the law of journals", () => {
  it("S9: holds of how the engine takes them in", () => {
    assert.isUndefined(JournalLaw.violation(journals, journal))
  })

  it("S9: holds of one that is longer than it is cut", () => {
    const steps = Array.from(
      { length: 400 },
      (_, n) =>
        ({
          _tag: "StepRequested",
          key: `${n}`,
          name: "s",
          attempt: 1,
          onCrash: "rerun",
          seq: n,
          at: n,
          epoch: 1
        }) as const
    )
    assert.isUndefined(JournalLaw.violation(journals, steps))
  })

  it.each(faults)("finds a fold %s", (_, fold, found) => {
    assert.match(JournalLaw.violation(fold, structuredClone(journal)) ?? "nothing", found)
  })
})
