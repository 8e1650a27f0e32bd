import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import { Runs } from "@fermata/engine/Runs"
import { Effect, type Schema } from "effect"
import { Contracts } from "../src/Contracts.ts"
import * as ContractValidation from "../src/ContractValidation.ts"
import * as ContractView from "../src/ContractView.ts"
import { TaskRuntime } from "../src/TaskRuntime.ts"
import { begin, document, journal, layer, pass, publish, step } from "./support/Agency.ts"

const task = (id: string, next: string | null, input: Schema.Json, more: object = {}) => ({
  ...step("task", id, next, { task: "work", input, onCrash: "rerun" }),
  ...more
})

const graph = document([
  step("map", "each", "both", { items: "{{ input }}", concurrency: 2, steps: [task("charge", null, "{{ item }}")] }),
  step("parallel", "both", null, {
    wait: "first",
    branches: {
      go: { steps: [step("wait", "hold", null, { event: "go" })] },
      gate: {
        steps: [{
          ...step("approval", "ask", null, { prompt: "?", approvers: ["ada"] }),
          nextOnApproved: null,
          nextOnDenied: null
        }]
      }
    }
  })
])

describe("ContractView", () => {
  it.effect("has for a page what each step is, what it does, its ways and what is inside", () =>
    Effect.gen(function*() {
      const view = ContractView.of(yield* ContractValidation.validate(graph))
      assert.deepStrictEqual([view.id, view.version, view.entry], ["sample", "1.0.0", "each"])
      assert.include(view.mermaid, "subgraph")
      const [each, both] = view.steps
      assert.deepInclude(each, { id: "each", kind: "map", title: "each", ways: [{ label: "", to: "both" }] })
      assert.match(each!.does, /^Does the same for each item/)
      assert.deepStrictEqual(each!.inside.map(({ entry, label, steps }) => [label, entry, steps.map(({ id }) => id)]), [
        ["each", "charge", ["charge"]]
      ])
      assert.deepStrictEqual(both!.inside.map(({ label }) => label), ["go", "gate"])
    }))

  it("reads the place of a step from its key", () => {
    assert.deepStrictEqual(ContractView.placeOf("pay~2"), { id: "pay", time: 2, inside: [] })
    assert.deepStrictEqual(ContractView.placeOf("each~2[3]/both[left]/pay"), {
      id: "pay",
      time: 1,
      inside: [{ id: "each", time: 2, label: "3" }, { id: "both", time: 1, label: "left" }]
    })
  })

  it.effect("tells from a run's view how each step stands, also those inside others", () =>
    Effect.gen(function*() {
      const contract = yield* ContractValidation.validate(graph)
      const runId = yield* begin(graph, { input: [1, 2, 3] })
      const states = Effect.gen(function*() {
        const { waits } = yield* Runs.use((runs) => runs.show(runId))
        const view = RunView.of(runId, yield* journal(runId))
        const found = ContractView.standings(contract, { steps: view.steps, waits })
        return Object.fromEntries(Array.from(found, ([id, { state, times }]) => [id, [state, Object.keys(times)]]))
      })
      assert.deepStrictEqual(yield* states, {
        charge: ["running", ["each[0]/charge", "each[1]/charge"]],
        each: ["running", ["each"]]
      })
      yield* pass("1 second")
      assert.deepStrictEqual((yield* states)["charge"], ["running", [
        "each[0]/charge",
        "each[1]/charge",
        "each[2]/charge"
      ]])
      yield* pass("1 second")
      assert.deepStrictEqual(yield* states, {
        charge: ["completed", ["each[0]/charge", "each[1]/charge", "each[2]/charge"]],
        each: ["completed", ["each"]],
        hold: ["waiting", ["hold"]],
        ask: ["waiting", ["both[gate]/ask"]],
        both: ["waiting", ["both"]]
      })
      yield* publish("go", {})
      assert.deepStrictEqual((yield* states)["both"], ["completed", ["both"]])
    }).pipe(Effect.provide(layer({
      tasks: TaskRuntime.layerHandlers({ work: (input) => Effect.as(Effect.sleep("1 second"), input) })
    }))))

  it.effect("tells which run a call has started, and that it waits for it", () =>
    Effect.gen(function*() {
      const held = document([step("wait", "hold", null, { event: "go" })], { id: "held" })
      const outer = document([
        step("map", "each", null, {
          items: [1, 2],
          concurrency: 2,
          steps: [step("call", "sub", null, { workflow: "held" })]
        })
      ])
      yield* Contracts.use((contracts) => contracts.add(held))
      const contract = yield* ContractValidation.validate(outer)
      const { steps: [each] } = ContractView.of(contract)
      assert.deepStrictEqual(each!.inside[0]!.steps[0]!.calls, [{ workflow: "held" }])
      const runId = yield* begin(outer)
      const standingOf = (id: string) =>
        Effect.map(
          Runs.use((runs) => runs.show(runId)),
          (view) => ContractView.standings(contract, view).get(id)
        )
      const standing = standingOf("sub")
      const runs = (yield* Runs.use((runs) => runs.show(runId))).children.map(({ child }) => child)
      const [first, second] = ["each[0]/sub", "each[1]/sub"] as const
      assert.deepStrictEqual(yield* standing, {
        state: "waiting",
        times: { [first]: "waiting", [second]: "waiting" },
        runs: { [first]: runs[0]!, [second]: runs[1]! }
      })
      assert.strictEqual((yield* standingOf("each"))!.state, "waiting")
      yield* publish("go", null)
      assert.deepInclude(yield* standing, {
        state: "completed",
        times: { [first]: "completed", [second]: "completed" }
      })
    }).pipe(Effect.provide(layer())))

  it.effect("tells that a call is abandoned when its branch is not the first, and when the run is over", () =>
    Effect.gen(function*() {
      const held = document([step("wait", "hold", null, { event: "go" })], { id: "held" })
      const sub = (id: string) => step("call", id, null, { workflow: "held" })
      const racing = document([
        step("parallel", "race", "last", {
          wait: "first",
          branches: {
            slow: { steps: [sub("slow")] },
            fast: { steps: [step("delay", "fast", null, { for: "1 hour" })] }
          }
        }),
        sub("last")
      ])
      yield* Contracts.use((contracts) => contracts.add(held))
      const contract = yield* ContractValidation.validate(racing)
      const runId = yield* begin(racing)
      const states = Effect.map(
        Runs.use((runs) => runs.show(runId)),
        (view) =>
          Object.fromEntries(Array.from(ContractView.standings(contract, view), ([id, { state }]) => [id, state]))
      )
      assert.deepInclude(yield* states, { race: "waiting", slow: "waiting" })
      yield* pass("1 hour")
      assert.deepStrictEqual(yield* states, {
        race: "completed",
        slow: "abandoned",
        fast: "completed",
        last: "waiting"
      })
      yield* Runs.use((runs) => runs.cancel(runId, { by: "ada", reason: "enough" }))
      yield* pass("1 second")
      assert.deepInclude(yield* states, { last: "abandoned" })
    }).pipe(Effect.provide(layer())))

  it.effect("tells that a step with steps inside runs between them too, and waits when all that goes on in it does", () =>
    Effect.gen(function*() {
      const contract = yield* ContractValidation.validate(graph)
      const view = RunView.of("r", [])
      const inner = (key: string, status: "requested" | "completed") =>
        ({ key, name: "charge", status, attempts: 1, recoveries: 0, onCrash: "rerun", requestedAt: 0 }) as const
      const each = (
        steps: ReadonlyArray<ReturnType<typeof inner>>,
        ...waits: ReadonlyArray<string>
      ) =>
        ContractView.standings(contract, {
          steps,
          waits: waits.map((key) => ({ reason: "signal", key })),
          status: view.status
        }).get("each")!.state
      const done = inner("each[0]/charge", "completed")
      assert.strictEqual(each([done]), "running")
      assert.strictEqual(each([done], "step:each[1]/charge"), "waiting")
      assert.strictEqual(each([inner("each[2]/charge", "requested"), done], "step:each[1]/charge"), "running")
    }))
})
