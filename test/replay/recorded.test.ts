import { assert, describe, it } from "@effect/vitest"
import * as ReadOnlyBackend from "@fermata/engine/ReadOnlyBackend"
import * as Upgrade from "@fermata/engine/Upgrade"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { layerOf, type Recording, restore, scenarios } from "./Recordings.ts"

const folder = new URL("journals/", import.meta.url)
const versions = readdirSync(folder)
const recordings = versions.flatMap((version) =>
  readdirSync(new URL(`${version}/`, folder)).map((file) => ({
    name: file.replace(/\.json$/, ""),
    version,
    recording: JSON.parse(readFileSync(new URL(`${version}/${file}`, folder), "utf8")) as Recording
  }))
)

const check = ({ name, recording }: typeof recordings[number]) =>
  Effect.gen(function*() {
    const backend = ReadOnlyBackend.make(yield* restore(recording))
    return yield* Effect.provide(Upgrade.check(), layerOf(scenarios[name]!, backend))
  })

describe("recorded journals", () => {
  for (const recorded of recordings) {
    it.effect(`S9, N-43: the code of today replays ${recorded.name} of version ${recorded.version}`, () =>
      Effect.gen(function*() {
        const report = yield* check(recorded)
        assert.deepInclude(report, { breaks: [], unserved: [], unreadable: [], fits: recorded.recording.runs.length })
      }))
  }

  it("are there for every scenario in the newest format, and hold every kind of entry that programs and contracts write", () => {
    assert.includeMembers(
      recordings.filter(({ version }) => version === versions.at(-1)).map(({ name }) => name),
      Object.keys(scenarios)
    )
    // What was recorded once is still there, and its scenario too.
    assert.includeMembers(Object.keys(scenarios), recordings.map(({ name }) => name))
    const tags = new Set(
      recordings.flatMap(({ recording }) => recording.runs).flatMap(({ entries }) =>
        entries.map((entry) => (entry as { _tag: string })._tag)
      )
    )
    assert.includeMembers([...tags], [
      "ApprovalAnswered",
      "ApprovalDelegated",
      "ApprovalEscalated",
      "ApprovalReminded",
      "ApprovalRequested",
      "ChildFinished",
      "ChildStarted",
      "Decided",
      "DeferredCompleted",
      "EndOffered",
      "EventEmitted",
      "MessageRefused",
      "Note",
      "PatchTaken",
      "RunCompleted",
      "RunConfirmed",
      "RunFailed",
      "RunRequested",
      "RunRestored",
      "RunStarted",
      "RunSuspended",
      "SignalReceived",
      "StateChanged",
      "StepCompleted",
      "StepDoubted",
      "StepFailed",
      "StepReleased",
      "StepRequested",
      "TimerFired",
      "TimerSet",
      "UnwindStarted"
    ])
  })

  it("hold steps inside steps of every kind that has them: items, branches, what undoes, and runs that were called", () => {
    const keys = recordings.filter(({ name }) => name === "inside").flatMap(({ recording }) => recording.runs)
      .flatMap(({ entries }) => entries as ReadonlyArray<{ readonly _tag: string; readonly key?: string }>)
      .flatMap(({ _tag, key }) => _tag === "StepCompleted" ? key ?? [] : [])
    assert.includeMembers(keys, [
      "each[0]/take",
      "each[0]/take[undo]/give",
      "each[0]/more[run]/start",
      "each[0]/more",
      "both[kid]/kid",
      "race[fast]/fast",
      "race",
      "until"
    ])
  })

  it.effect("would not be replayed by code that has changed: the test can fail", () =>
    Effect.gen(function*() {
      const recorded = recordings.find(({ name }) => name === "reminders")!
      const text = JSON.stringify(recorded).replaceAll("reminder 1: ", "first reminder: ")
      const { breaks } = yield* check(JSON.parse(text) as typeof recorded)
      assert.deepStrictEqual(breaks.map(({ difference }) => difference?.key), ["send", "send", "send"])
    }))
})
