import { assert, describe, it } from "@effect/vitest"
import { Runs } from "@fermata/engine/Runs"
import { Effect, type Schema } from "effect"
import * as ContractValidation from "../src/ContractValidation.ts"
import { TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import { assertOutput, begin, document, end, layer, pass, step } from "./support/Agency.ts"

const served = (said: Array<string> = []) =>
  Effect.provide(layer({
    tasks: TaskRuntime.layerHandlers({
      note: (input, { stepId }) => Effect.sync(() => (said.push(`${stepId} ${JSON.stringify(input)}`), input)),
      fail: () => Effect.fail(new TaskFailed({ task: "fail", problem: "in vain", retryable: false }))
    })
  }))

const task = (id: string, name: string, next: string | null, input: Schema.Json, more: object = {}) => ({
  ...step("task", id, next, { task: name, input, onCrash: "rerun" }),
  ...more
})

const problems = (contract: object) => ContractValidation.check(contract).problems.map(({ message }) => message)

describe("delay", () => {
  const after = (fields: object) => document([step("delay", "wait", null, fields)])

  it.effect("N-48: waits for a duration or until a time, as text, number or expression, and tells when it was over", () =>
    Effect.gen(function*() {
      const cases = [
        [{ for: "2 hours" }, "1970-01-01T02:00:00.000Z"],
        [{ for: "PT2H" }, "1970-01-01T02:00:00.000Z"],
        [{ for: 7_200_000 }, "1970-01-01T02:00:00.000Z"],
        [{ for: "{{ input.hours & ' hours' }}" }, "1970-01-01T02:00:00.000Z"],
        [{ until: "1970-01-01T03:00:00+01:00" }, "1970-01-01T02:00:00.000Z"],
        [{ until: "{{ input.at }}" }, "1970-01-01T02:00:00.000Z"]
      ] as const
      const ids = yield* Effect.forEach(
        cases,
        ([fields], index) => begin({ ...after(fields), id: `c${index}` }, { input: { hours: 2, at: 7_200_000 } })
      )
      const past = yield* begin({ ...after({ until: 0 }), id: "past" })
      assert.deepStrictEqual(yield* end(past), { status: "completed", output: "1970-01-01T00:00:00.000Z" })
      yield* pass("119 minutes")
      for (const id of ids) assert.deepStrictEqual(yield* end(id), { status: "suspended", reason: "timer" })
      yield* pass("1 minute")
      for (const [index, id] of ids.entries()) yield* assertOutput(id, cases[index]![1])
    }).pipe(served()))

  it.effect("fails with what came out and what is needed, also where the end is past what can be stored", () =>
    Effect.gen(function*() {
      const why = (fields: object, id: string) =>
        Effect.map(
          Effect.flatMap(begin({ ...after(fields), id }), end),
          ({ error = "" }) => error.slice(error.indexOf("failed: ") + 8)
        )
      assert.match(
        yield* why({ for: "{{ 'soon' }}" }, "a"),
        /^its duration came out as "soon"; what is needed is a number of ms/
      )
      assert.match(
        yield* why({ until: "{{ input.none }}" }, "b"),
        /^its time came out as null; what is needed is a time of RFC 3339/
      )
      assert.match(
        yield* why({ for: "{{ 1e15 }}" }, "c"),
        /^its duration of 1000000000000000 ms ends after the year 9999/
      )
    }).pipe(served()))

  it("is checked: one of two fields, and what stands in it", () => {
    assert.deepStrictEqual(problems(after({})), ["steps[0].for: found nothing, expected one of \"for\" and \"until\""])
    assert.deepStrictEqual(problems(after({ for: 1, until: 1 })), [
      "steps[0].until: found both, expected one of \"for\" and \"until\""
    ])
    assert.match(problems(after({ for: "P1M" })).join(), /^steps\[0\].for: found "P1M", expected a number of ms/)
    assert.match(problems(after({ for: -1 })).join(), /^steps\[0\].for: found -1, expected a number of ms/)
    assert.match(
      problems(after({ until: "2026-12-24" })).join(),
      /^steps\[0\].until: found "2026-12-24", expected a time of RFC 3339/
    )
    assert.deepStrictEqual(problems(after({ for: "P1W2DT3H4M5.5S" })), [])
  })
})

describe("output", () => {
  const steps = [step("transform", "set", null, { set: { total: "{{ input.a + input.b }}" } })]

  it.effect("says what a completed run comes to, from its steps, state and input", () =>
    Effect.gen(function*() {
      const runId = yield* begin(
        document(steps, {
          output: { sum: "{{ state.total }}", set: "{{ steps.set.output.total }}", a: "{{ input.a }}" }
        }),
        { input: { a: 1, b: 2 } }
      )
      yield* assertOutput(runId, { sum: 3, set: 3, a: 1 })
    }).pipe(served()))

  it.effect("fails the run where it is not as its schema says, naming the place", () =>
    Effect.gen(function*() {
      const shaped = document(steps, {
        output: { sum: "{{ state.total }}" },
        outputSchema: { type: "object", required: ["sum"], properties: { sum: { type: "number", maximum: 5 } } }
      })
      yield* assertOutput(yield* begin(shaped, { input: { a: 1, b: 2 } }), { sum: 3 })
      assert.deepStrictEqual(yield* end(yield* begin(shaped, { input: { a: 4, b: 2 } })), {
        status: "failed",
        error: "ContractFailed: The output of contract \"sample\" 1.0.0 failed: its sum must be a number of at most 5"
      })
    }).pipe(served()))

  it("is checked like other expressions", () => {
    assert.deepStrictEqual(problems(document(steps, { output: "{{ steps.sett.output & itme }}" })), [
      "output: found itme, expected one of trigger, input, steps, state, run",
      "output: found sett, expected the id of a step; did you mean \"set\"?"
    ])
  })
})

describe("undo", () => {
  const undo = (id: string, input: Schema.Json, more: ReadonlyArray<object> = []) => ({
    undo: { steps: [task(id, "note", null, input), ...more] }
  })
  const trip = (last: { readonly id: string }) =>
    document([
      task("hotel", "note", "cars", "hotel", undo("free", "{{ 'free ' & steps.hotel.output }}")),
      {
        ...step("map", "cars", "last", {
          items: ["a", "b"],
          concurrency: 2,
          steps: [
            task(
              "car",
              "note",
              null,
              "{{ 'car ' & item }}",
              undo("give", "{{ 'give ' & item & ' ' & steps.car.output }}")
            )
          ]
        })
      },
      last
    ])

  it.effect("S8: undoes what was done in reverse, once, when the run fails", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(trip(task("last", "fail", null, null)))
      assert.strictEqual((yield* end(runId)).status, "failed")
      assert.deepStrictEqual(said, [
        "hotel \"hotel\"",
        "cars[0]/car \"car a\"",
        "cars[1]/car \"car b\"",
        "cars[1]/car[undo]/give \"give b car b\"",
        "cars[0]/car[undo]/give \"give a car a\"",
        "hotel[undo]/free \"free hotel\""
      ])
    }).pipe(served(said))
  })

  it.effect("S8: and when it is cancelled; nothing is undone when it completes", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const waiting = trip(step("delay", "last", null, { for: "1 hour" }))
      const completed = yield* begin(waiting, { key: "a" })
      yield* pass("1 hour")
      assert.strictEqual((yield* end(completed)).status, "completed")
      assert.strictEqual(said.length, 3)
      said.length = 0
      const cancelled = yield* begin(waiting, { key: "b" })
      yield* Runs.use((runs) => runs.cancel(cancelled, { by: "ada", reason: "enough" }))
      yield* pass("1 second")
      assert.strictEqual((yield* end(cancelled)).status, "cancelled")
      assert.deepStrictEqual(said.slice(3), [
        "cars[1]/car[undo]/give \"give b car b\"",
        "cars[0]/car[undo]/give \"give a car a\"",
        "hotel[undo]/free \"free hotel\""
      ])
    }).pipe(served(said))
  })

  it.effect("S8: what fails while it undoes stands in the journal, and the rest is undone all the same", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(document([
        task("a", "note", "b", 1, undo("undo-a", "a")),
        task("b", "note", "c", 2, { undo: { steps: [task("undo-b", "fail", null, null)] } }),
        task("c", "fail", null, null)
      ]))
      assert.deepStrictEqual(yield* end(runId), {
        status: "failed",
        error: "ContractFailed: Step \"c\" of contract \"sample\" 1.0.0 failed: Task \"fail\" failed: in vain"
      })
      assert.deepStrictEqual(said, ["a 1", "b 2", "a[undo]/undo-a \"a\""])
    }).pipe(served(said))
  })

  it("is checked like other steps, and its name is no branch's", () => {
    assert.deepStrictEqual(problems(document([task("a", "note", null, 1, undo("b", "{{ steps.c.output }}"))])), [
      "steps[0].undo.steps[0].input: found c, expected the id of a step; did you mean \"a\"?"
    ])
    assert.deepStrictEqual(
      problems(
        document([step("parallel", "both", null, { branches: { undo: { steps: [task("x", "note", null, 1)] } } })])
      ),
      ["steps[0].branches.undo: the keys of \"undo\" are those of what undoes the step; give the branch another name"]
    )
  })
})
