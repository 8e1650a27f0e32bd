import { assert, describe, it } from "@effect/vitest"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as ContractGraph from "../src/ContractGraph.ts"
import * as ContractNeeds from "../src/ContractNeeds.ts"
import * as ContractParts from "../src/ContractParts.ts"
import * as ContractReference from "../src/ContractReference.ts"
import { Contracts } from "../src/Contracts.ts"
import * as ContractValidation from "../src/ContractValidation.ts"
import { Llm } from "../src/Llm.ts"
import { recorded, render } from "../src/RecordedStep.ts"
import { standardKinds } from "../src/StandardKinds.ts"
import * as StepKind from "../src/StepKind.ts"
import { TaskRuntime } from "../src/TaskRuntime.ts"
import { assertOutput, journal, settled } from "./support/Agency.ts"

/** What only the steps of the kind need. */
class Voice extends Context.Service<Voice, { readonly say: (text: string) => Effect.Effect<string> }>()("test/Voice") {}

/** A kind as a package outside defines it. */
const shout = StepKind.make({
  kind: "shout",
  schema: {
    fields: { text: ContractParts.Text, quiet: ContractParts.Next, next: ContractParts.Next },
    words: { kind: "Shouts.", text: "What.", quiet: "Where the run goes when nothing is heard.", next: "What follows." }
  },
  check: {
    expressions: () => [{ path: ["text"] }],
    asks: () => ({ request: { kind: "task:run", task: "voice" }, field: "kind" })
  },
  needs: () => ({ tasks: ["voice"] }),
  graph: {
    brackets: ["((", "))"],
    ways: () => [{ label: "", path: ["next"] }, { label: "quiet", path: ["quiet"] }]
  },
  run: (step) => {
    const say = recorded({
      step,
      body: (_call, input) => Voice.use((voice) => voice.say(String(input)))
    })
    return Effect.fnUntraced(function*({ scope }) {
      const output = yield* say(scope, yield* render(step.text, scope))
      return { output, next: output === "" ? step.quiet : step.next }
    })
  }
})
const kinds = [...standardKinds, shout]

const document = (text: string, permissions: ReadonlyArray<object> = [{ kind: "task:run" }]) => ({
  schemaVersion: "fermata.contract.v1",
  id: "crier",
  version: "1.0.0",
  title: "Crier",
  permissions,
  entryStepId: "cry",
  steps: [
    { id: "cry", name: "Cry", kind: "shout", text, next: "keep", quiet: null },
    { id: "keep", name: "Keep", kind: "transform", set: { heard: "{{ steps.cry.output }}" }, next: null }
  ]
})

describe("a step kind of another package", () => {
  it("is checked like the others: fields, ways, permissions and expressions, each with its place", () => {
    const problems = (value: object) =>
      ContractValidation.check(value, kinds).problems.map(({ code, path }) => `${path} ${code}`)
    assert.deepStrictEqual(problems(document("{{ input.word }}!")), [])
    assert.deepStrictEqual(problems(document("{{ inptu.word }}!", [])), [
      "steps[0].kind missing-permission",
      "steps[0].text unknown-reference"
    ])
    const [first, second] = document("").steps
    assert.deepStrictEqual(problems({ ...document(""), steps: [{ ...first, next: "kepe", volume: 11 }, second] }), [
      "steps[0].volume unknown-field",
      "steps[0].text wrong-value",
      "steps[0].next unknown-step"
    ])
    assert.deepStrictEqual(
      ContractValidation.check(document("a")).problems.map(({ message }) => message),
      [
        "steps[0].kind: found \"shout\", expected one of \"task\", \"llm\", \"http\", \"emit\", \"wait\", \"branch\", \"transform\", \"approval\", \"parallel\", \"map\", \"delay\", \"call\""
      ]
    )
  })

  it.effect("is drawn, described and needed like the others", () =>
    Effect.gen(function*() {
      const contract = yield* ContractValidation.validate(document("a"), kinds)
      assert.include(ContractGraph.mermaid(contract, kinds), "  s0((\"Cry<br/>shout\"))\n")
      assert.include(ContractGraph.mermaid(contract, kinds), "  s0 -->|\"quiet\"| done\n")
      assert.include(ContractReference.markdown(kinds), "## A step: `shout`\n\n`\"kind\": \"shout\"`. Shouts.\n")
      assert.include(JSON.stringify(ContractReference.jsonSchema(kinds)), "\"enum\":[\"shout\"]")
      assert.deepStrictEqual(ContractNeeds.of(contract, kinds), { tasks: ["voice"], model: false, services: [] })
    }))

  it.effect("runs with a service of its own", () => {
    const said: Array<string> = []
    const voice = Layer.succeed(Voice, {
      say: (text) => Effect.sync(() => (said.push(text), text.toUpperCase()))
    })
    const tasks = TaskRuntime.layerHandlers({ voice: () => Effect.void })
    const layer = Runs.layer.pipe(
      Layer.provideMerge(Contracts.layerOf(kinds)),
      Layer.provideMerge(Layer.mergeAll(Events.layer, tasks, Llm.layerNone, voice)),
      Layer.provideMerge(TestHost.layer)
    )
    return Effect.gen(function*() {
      const { runId } = yield* Contracts.use((contracts) =>
        contracts.start({ contract: document("{{ input.word }}!"), input: { word: "hear" } })
      )
      yield* settled
      yield* assertOutput(runId, { heard: "HEAR!" })
      const requested = (yield* journal(runId)).filter((entry) => entry._tag === "StepRequested")
      assert.deepStrictEqual(requested.map(({ key, label }) => [key, label]), [["cry", "shout"], ["keep", "transform"]])
      assert.deepStrictEqual(said, ["hear!"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("S10: is one that a process may lack: it leaves such runs alone, and says so", () => {
    const store = MemoryBackend.makeStore()
    const slow = document("ada")
    const paused = {
      ...slow,
      entryStepId: "pause",
      steps: [{ id: "pause", name: "Pause", kind: "delay", for: "1 hour", next: "cry" }, ...slow.steps]
    }
    const voice = Layer.succeed(Voice, { say: (text) => Effect.succeed(text) })
    const hostOf = (having: StepKind.StepKinds<Voice>) =>
      Effect.provide(
        Runs.layer.pipe(
          Layer.provideMerge(Contracts.layerOf(having)),
          Layer.provideMerge(
            Layer.mergeAll(
              Events.layer,
              TaskRuntime.layerHandlers({ voice: () => Effect.void }),
              Llm.layerNone,
              voice
            )
          ),
          Layer.provideMerge(TestHost.layerOf(MemoryBackend.make(store)))
        )
      )
    const logs: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logs.push(message))])
    return Effect.gen(function*() {
      const runId = yield* Effect.gen(function*() {
        const { runId } = yield* Contracts.use((contracts) => contracts.start({ contract: paused, key: "one" }))
        yield* settled
        return runId
      }).pipe(hostOf(kinds))
      yield* Effect.gen(function*() {
        yield* TestClock.adjust("1 hour")
        yield* settled
        const unserved = yield* Effect.flatMap(Contracts, ({ unserved }) => unserved)
        assert.deepStrictEqual(unserved.map(({ id, lacks }) => [id, lacks]), [["crier", [
          "no kind of steps \"shout\""
        ]]])
        assert.strictEqual((yield* Runs.use((runs) => runs.show(runId))).status, "suspended")
        const refused = yield* Effect.flip(Runs.use((runs) => runs.start("crier", null, { key: "two" })))
        assert.strictEqual(
          refused.message,
          "Workflow \"crier\" cannot be started here: this process has no kind of steps \"shout\""
        )
      }).pipe(hostOf(standardKinds))
      assert.deepStrictEqual(logs, [])
      yield* Effect.andThen(settled, assertOutput(runId, { heard: "ada" })).pipe(hostOf(kinds))
    }).pipe(Effect.provide(logger))
  })
})
