import { assert, describe, it } from "@effect/vitest"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { Effect, Layer, type Schema } from "effect"
import * as ContractGraph from "../src/ContractGraph.ts"
import * as ContractValidation from "../src/ContractValidation.ts"
import { TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import {
  assertOutput,
  begin,
  document,
  end,
  journal,
  layer,
  onHostOf,
  pass,
  publish,
  settled,
  step
} from "./support/Agency.ts"

/** Tasks that say what happens to them. */
const tasks = (said: Array<string>) =>
  TaskRuntime.layerHandlers({
    note: (input, { stepId }) => Effect.sync(() => (said.push(`${stepId} ${JSON.stringify(input)}`), input)),
    slow: (input, { stepId }) =>
      Effect.sync(() => said.push(`${stepId} begins`)).pipe(
        Effect.andThen(Effect.sleep(Number(input))),
        Effect.andThen(Effect.sync(() => (said.push(`${stepId} ends`), input))),
        Effect.onInterrupt(() => Effect.sync(() => said.push(`${stepId} is interrupted`)))
      ),
    odd: (input, { attempt }) =>
      Number(input) % 2 === 1 || attempt > 1
        ? Effect.succeed(input)
        : Effect.fail(new TaskFailed({ task: "odd", problem: `${String(input)} is even`, retryable: true }))
  })

const task = (id: string, name: string, input: Schema.Json, more: object = {}) =>
  step("task", id, null, { task: name, input, onCrash: "rerun", ...more })
const each = (steps: ReadonlyArray<object>, more: object = {}) => ({
  ...step("map", "each", null, { items: "{{ input }}", steps }),
  ...more
})
const both = (branches: Readonly<Record<string, ReadonlyArray<object>>>, more: object = {}) =>
  step("parallel", "both", null, {
    branches: Object.fromEntries(Object.entries(branches).map(([name, steps]) => [name, { steps }])),
    ...more
  })

const served = (said: Array<string> = []) => Effect.provide(layer({ tasks: tasks(said) }))

const keysOf = (runId: string) =>
  Effect.map(journal(runId), (entries) => entries.flatMap((entry) => entry._tag === "StepRequested" ? [entry.key] : []))

const problems = (steps: ReadonlyArray<{ readonly id: string }>) =>
  ContractValidation.check(document(steps)).problems.map(({ message }) => message)

describe("map", () => {
  it.effect("N-46: does its steps for each item, keeps the results in the order of the items, and names its steps by them", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(
        document([
          step("map", "each", "sum", {
            items: "{{ input.list }}",
            concurrency: 2,
            steps: [
              step("transform", "keep", "note", { set: { last: "{{ item.n }}" } }),
              task("note", "note", "{{ { 'n': item.n * 2, 'at': index, 'all': $count(input.list) } }}")
            ]
          }),
          step("transform", "sum", null, { set: { sum: "{{ $sum(steps.each.output.n) }}" } })
        ]),
        { input: { list: [{ n: 1 }, { n: 2 }, { n: 3 }] } }
      )
      yield* assertOutput(runId, { sum: 12 })
      assert.deepStrictEqual(said, [
        "each[0]/note {\"n\":2,\"at\":0,\"all\":3}",
        "each[1]/note {\"n\":4,\"at\":1,\"all\":3}",
        "each[2]/note {\"n\":6,\"at\":2,\"all\":3}"
      ])
      const items = ["each[0]/keep", "each[1]/keep", "each[0]/note", "each[1]/note", "each[2]/keep", "each[2]/note"]
      assert.sameMembers(yield* keysOf(runId), [...items, "each", "sum"])
    }).pipe(served(said))
  })

  it.effect("N-46: works on as many items at a time as it says, one when it does not", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const running = () => said.filter((text) => text.endsWith("begins")).length
      const slow = [task("wait", "slow", 1000)]
      yield* begin(document([each(slow, { concurrency: 3 })]), { input: [1, 2, 3, 4, 5] })
      assert.strictEqual(running(), 3)
      yield* pass("1 second")
      assert.strictEqual(running(), 5)
      said.length = 0
      const runId = yield* begin(document([each(slow)], { id: "one" }), { input: [1, 2] })
      assert.strictEqual(running(), 1)
      yield* pass("1 second")
      yield* pass("1 second")
      yield* assertOutput(runId, [1000, 1000])
    }).pipe(served(said))
  })

  it.effect("N-46: 400 items of three steps each are within the limits that a contract has by default", () =>
    Effect.gen(function*() {
      const three = [
        step("transform", "a", "b", { set: { n: 1 } }),
        step("transform", "b", "c", { set: { n: 2 } }),
        step("branch", "c", null, { cases: [{ when: "false", next: null }], default: null })
      ]
      const runId = yield* begin(document([each(three, { concurrency: 50, output: "{{ index }}" })]), {
        input: Array.from({ length: 400 }, (_, n) => n)
      })
      yield* assertOutput(runId, Array.from({ length: 400 }, (_, n) => n))
    }).pipe(served()))

  it.effect("C-20: a loop inside an item ends at maxSteps, and no onError stands in its way", () =>
    Effect.gen(function*() {
      const loop = [step("transform", "round", "round", { set: { n: 1 } })]
      const runId = yield* begin(
        document([each(loop, { onError: "late" }), step("transform", "late", null, { set: { late: true } })], {
          limits: { maxSteps: 7 }
        }),
        { input: [1] }
      )
      assert.deepStrictEqual(yield* end(runId), {
        status: "failed",
        error: "The run went past a limit: more than 7 steps (maxSteps)"
      })
      assert.strictEqual((yield* keysOf(runId)).length, 7)
    }).pipe(served()))

  it.effect("a failure fails the step and interrupts what goes on beside it", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const work = [
        step("branch", "which", null, { cases: [{ when: "item > 1", next: "slow" }], default: "even" }),
        task("slow", "slow", 5000),
        task("even", "odd", 2)
      ]
      const runId = yield* begin(
        document([
          each(work, { concurrency: 5, onError: "tell" }),
          step("transform", "tell", null, { set: { error: "{{ steps.each.error }}" } })
        ]),
        { input: [2, 3, 1, 4] }
      )
      yield* assertOutput(runId, {
        error: {
          reason: "task",
          message: "step \"each[2]/even\" failed: Task \"odd\" failed: 2 is even",
          data: { step: "each[2]/even" }
        }
      })
      assert.deepStrictEqual(said, [
        "each[0]/slow begins",
        "each[1]/slow begins",
        "each[3]/slow begins",
        "each[0]/slow is interrupted",
        "each[1]/slow is interrupted",
        "each[3]/slow is interrupted"
      ])
    }).pipe(served(said))
  })

  it.effect("collects failures beside results where it is told to; retry, timeout and onError hold inside", () =>
    Effect.gen(function*() {
      const runId = yield* begin(
        document([each([task("odd", "odd", "{{ item }}")], { onFailure: "collect" })]),
        { input: [1, 2] }
      )
      yield* assertOutput(runId, [
        { output: 1 },
        {
          error: {
            reason: "task",
            message: "step \"each[1]/odd\" failed: Task \"odd\" failed: 2 is even",
            data: { step: "each[1]/odd" }
          }
        }
      ])
      const again = yield* begin(
        document([each([task("odd", "odd", "{{ item }}", { retry: { maxAttempts: 2, initialMs: 60_000 } })])], {
          id: "again"
        }),
        { input: [2, 4] }
      )
      yield* pass("1 minute")
      yield* pass("1 minute")
      yield* assertOutput(again, [2, 4])
      const late = yield* begin(
        document([each([
          task("slow", "slow", 5000, { timeoutMs: 100, onError: "late" }),
          step("transform", "late", null, { set: { late: "{{ steps.slow.error.reason }}" } })
        ])], { id: "late" }),
        { input: [1] }
      )
      yield* pass("1 second")
      yield* assertOutput(late, [{ late: "timeout" }])
    }).pipe(served()))

  it.effect("fails with what came out where its items are no list, and does nothing for an empty one", () =>
    Effect.gen(function*() {
      const of = (input: Schema.Json, id: string) =>
        Effect.flatMap(begin(document([each([task("note", "note", "{{ item }}")])], { id }), { input }), end)
      assert.deepStrictEqual(yield* of([], "a"), { status: "completed", output: [] })
      const failed = (what: string, id: string) => ({
        status: "failed" as const,
        error:
          `ContractFailed: Step "each" of contract "${id}" 1.0.0 failed: its items came out as ${what}, and a list is needed`
      })
      assert.deepStrictEqual(yield* of(null, "b"), failed("nothing", "b"))
      assert.deepStrictEqual(yield* of("text", "c"), failed("a text", "c"))
      assert.deepStrictEqual(yield* of({ a: 1 }, "d"), failed("an object", "d"))
    }).pipe(served()))

  it.effect("a map inside a map has keys that say both places, and sees the outer item under the name that it has", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const inner = step("map", "inner", null, {
        items: "{{ item.lines }}",
        steps: [task("note", "note", "{{ order.id & '-' & item }}")]
      })
      const outer = step("map", "outer", "again", {
        items: "{{ input }}",
        as: "order",
        steps: [inner],
        output: "{{ $join(steps.inner.output, ' ') }}"
      })
      const again = step("branch", "again", null, {
        cases: [{ when: "state.twice", next: null }],
        default: "twice"
      })
      const runId = yield* begin(
        document([outer, again, step("transform", "twice", "outer", { set: { twice: true } })]),
        { input: [{ id: "o1", lines: ["a", "b"] }, { id: "o2", lines: ["c"] }] }
      )
      assert.strictEqual((yield* end(runId)).status, "completed")
      assert.deepStrictEqual(said, [
        "outer[0]/inner[0]/note \"o1-a\"",
        "outer[0]/inner[1]/note \"o1-b\"",
        "outer[1]/inner[0]/note \"o2-c\"",
        "outer~2[0]/inner[0]/note \"o1-a\"",
        "outer~2[0]/inner[1]/note \"o1-b\"",
        "outer~2[1]/inner[0]/note \"o2-c\""
      ])
    }).pipe(served(said))
  })

  it.effect("waits, questions and tasks elsewhere are told apart by their keys", () =>
    Effect.gen(function*() {
      const elsewhere = TaskRuntime.firstOf({ tasks: ["far"], submit: () => Effect.succeed({ _tag: "Submitted" }) })
      const store = MemoryBackend.makeStore()
      const work = [
        step("wait", "paid", "ask", { event: "paid", where: "event.id = item" }),
        {
          ...step("approval", "ask", null, { prompt: "{{ item }}?", approvers: ["ada"] }),
          nextOnApproved: "far",
          nextOnDenied: null
        },
        task("far", "far", null)
      ]
      yield* Effect.gen(function*() {
        const runId = yield* begin(document([each(work, { concurrency: 3 })]), { input: ["a", "b"] })
        yield* publish("paid", { id: "b" })
        const runs = yield* Runs
        const open = yield* runs.approvals({})
        assert.deepStrictEqual(open.map(({ key }) => key), ["each[1]/ask"])
        yield* runs.answer(runId, { decision: "approve", by: "ada" })
        yield* settled
        yield* publish("engine.step.completed", { runId, stepId: "each[1]/far", output: "done" })
        yield* publish("paid", { id: "a" })
        yield* runs.answer(runId, { decision: "deny", by: "ada" })
        yield* settled
        const { output } = yield* end(runId)
        assert.deepStrictEqual(output, [
          { decision: "denied", by: ["ada"], note: null, timedOut: false },
          "done"
        ])
      }).pipe(onHostOf(store, { tasks: Layer.succeed(TaskRuntime, elsewhere) }))
    }))
})

describe("parallel", () => {
  it.effect("N-46: waits for all of its branches, and tells what each came to under its name", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(document([step("parallel", "both", null, {
        branches: {
          left: { steps: [task("a", "slow", 1000)] },
          right: {
            entryStepId: "b",
            steps: [task("c", "note", 8), { ...task("b", "note", 7), next: "c" }],
            output: "{{ steps.b.output + 1 }}"
          }
        }
      })]))
      yield* pass("1 second")
      yield* assertOutput(runId, { left: 1000, right: 8 })
      assert.sameMembers(yield* keysOf(runId), ["both[left]/a", "both[right]/b", "both[right]/c", "both"])
    }).pipe(served(said))
  })

  it.effect("takes the first that succeeds and interrupts the others; it fails when none does", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(document([both({
        slow: [task("a", "slow", 1000)],
        broken: [task("b", "odd", 2)],
        fast: [task("c", "slow", 500)]
      }, { wait: "first" })]))
      yield* pass("500 millis")
      yield* assertOutput(runId, { branch: "fast", output: 500 })
      assert.includeMembers(said, ["both[slow]/a is interrupted"])
      const none = yield* begin(
        document([both({ x: [task("x", "odd", 2)], y: [task("y", "odd", 4)] }, { wait: "first" })], { id: "none" })
      )
      assert.deepStrictEqual(yield* end(none), {
        status: "failed",
        error: "ContractFailed: Step \"both\" of contract \"none\" 1.0.0 failed: no branch succeeded: " +
          "\"x\": step \"both[x]/x\" failed: Task \"odd\" failed: 2 is even; " +
          "\"y\": step \"both[y]/y\" failed: Task \"odd\" failed: 4 is even"
      })
    }).pipe(served(said))
  })

  it.effect("a failure fails it at once and interrupts the others, or is collected with what they come to", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const branches = { slow: [task("a", "slow", 1000)], broken: [task("b", "odd", 2)] }
      const failed = yield* begin(document([both(branches)]))
      assert.deepStrictEqual(yield* end(failed), {
        status: "failed",
        error:
          "ContractFailed: Step \"both\" of contract \"sample\" 1.0.0 failed: step \"both[broken]/b\" failed: Task \"odd\" failed: 2 is even"
      })
      assert.deepStrictEqual(said, ["both[slow]/a begins", "both[slow]/a is interrupted"])
      const collected = yield* begin(document([both(branches, { onFailure: "collect" })], { id: "all" }))
      yield* pass("1 second")
      yield* assertOutput(collected, {
        slow: { output: 1000 },
        broken: {
          error: {
            reason: "task",
            message: "step \"both[broken]/b\" failed: Task \"odd\" failed: 2 is even",
            data: { step: "both[broken]/b" }
          }
        }
      })
    }).pipe(served(said))
  })

  it.effect("S8: a cancel reaches all branches", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(
        document([both({ a: [task("a", "slow", 5000)], b: [each([task("b", "slow", 5000)], { items: [1] })] })])
      )
      const runs = yield* Runs
      yield* runs.cancel(runId, { by: "ada", reason: "enough" })
      yield* pass("1 second")
      assert.strictEqual((yield* end(runId)).status, "cancelled")
      assert.sameMembers(said.filter((text) => text.endsWith("interrupted")), [
        "both[a]/a is interrupted",
        "both[b]/each[0]/b is interrupted"
      ])
    }).pipe(served(said))
  })
})

describe("steps inside steps", () => {
  it("are checked as the others are, each mistake with its path", () => {
    const note = (id: string, input: Schema.Json, next: string | null = null) => ({ ...task(id, "note", input), next })
    assert.deepStrictEqual(
      problems([
        {
          ...each([note("a", "{{ item.x }}", "b"), note("c", "{{ steps.after.output }}")], {
            concurrency: 0,
            as: "input"
          }),
          next: "after"
        },
        note("after", "{{ steps.a.output & item }}")
      ]),
      [
        "steps[0].concurrency: found 0, expected a whole number of items at a time from 1 to 1000",
        "steps[0].steps[0].next: found \"b\", expected the id of a step, or null to end the run; did you mean \"a\"?",
        "steps[0].steps[1]: no way leads from the first step \"a\" to \"c\"",
        "steps[0].as: expressions see \"input\" already; choose another name",
        "steps[1].input: found item, expected one of trigger, input, steps, state, run"
      ]
    )
    assert.deepStrictEqual(
      problems([
        { ...each([note("a", "{{ steps.after.output }}", "after")]), next: "after" },
        note("after", "{{ steps.a.output }}", "a")
      ]),
      [
        "steps[1].next: the step \"a\" is inside of \"each\", where no way leads from here",
        "steps[0].steps[0].next: the step \"after\" is outside of \"each\", where no way leads; null goes on with what follows \"each\""
      ]
    )
    assert.deepStrictEqual(
      problems([
        { ...each([note("a", "{{ steps.after.output }}")]), next: "after" },
        note("after", "{{ steps.a.output }}")
      ]),
      [
        "steps[1].input: the step \"a\" is inside of \"each\"; from here its results are in steps.each.output",
        "steps[0].steps[0].input: the step \"after\" never runs before this one, so it has no output here"
      ]
    )
    assert.deepStrictEqual(
      problems([
        both({ a: [note("x", 1)], b: [note("x", 1), { id: "y", name: "y", kind: "tsak", next: null }] }, {
          wait: "first",
          onFailure: "collect"
        })
      ]),
      [
        "steps[0].branches.b.steps[1].kind: found \"tsak\", expected one of \"task\", \"llm\", \"http\", \"emit\", \"wait\", \"branch\", \"transform\", \"approval\", \"parallel\", \"map\", \"delay\", \"call\"; did you mean \"task\"?",
        "steps[0].branches.b.steps[0].id: the id \"x\" is already used by steps[0].branches.a.steps[0]",
        "steps[0].branches.b.steps[1]: no way leads from the first step \"x\" to \"y\"",
        "steps[0].onFailure: a step that waits for the first branch that succeeds collects no failures; leave it out, or wait for all"
      ]
    )
    assert.deepStrictEqual(problems([both({})]), [
      "steps[0].branches: found an empty object, expected from 1 to 100 branches"
    ])
    assert.deepStrictEqual(problems([step("map", "each", null, { items: [], steps: "none" })]), [
      "steps[0].steps: found \"none\", expected a list of steps"
    ])
  })

  it("are drawn in frames", () => {
    const graph = document([
      { ...each([task("a", "note", 1)]), next: "both" },
      both({ left: [step("wait", "w", null, { event: "e" })], right: [task("t", "note", 1)] })
    ])
    assert.strictEqual(
      ContractGraph.mermaid(graph),
      `flowchart TD
  start((start))
  s0[["each<br/>map"]]
  s1[["both<br/>parallel"]]
  done((end))
  start --> s0
  s0 --> s1
  s1 --> done
  subgraph g1["each: each"]
    s0_0["a<br/>task"]
    done1((end))
    s0_0 --> done1
  end
  s0 -->|"each"| s0_0
  subgraph g2["both: left"]
    s1_0[/"w<br/>wait"/]
    done2((end))
    s1_0 --> done2
  end
  s1 -->|"left"| s1_0
  subgraph g3["both: right"]
    s1_1["t<br/>task"]
    done3((end))
    s1_1 --> done3
  end
  s1 -->|"right"| s1_1
`
    )
  })
})
