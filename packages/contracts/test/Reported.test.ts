/**
 * Situations in which other engines were reported to do wrong, rebuilt with
 * steps inside steps, delays and undoing. Each names the report that it comes from.
 */
import { assert, describe, it } from "@effect/vitest"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { Contracts } from "../src/Contracts.ts"
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
  serving,
  settled,
  step
} from "./support/Agency.ts"

/** Tasks that say what happens to them: `echo` gives back its input, `slow` takes so many ms, `fail` fails for good. */
const tasks = (said: Array<string>) =>
  TaskRuntime.layerHandlers({
    echo: (input, { stepId }) => Effect.sync(() => (said.push(stepId), input)),
    slow: (input, { stepId }) =>
      Effect.sync(() => said.push(`${stepId} begins`)).pipe(
        Effect.andThen(Effect.sleep(Number(input))),
        Effect.andThen(Effect.sync(() => (said.push(`${stepId} ends`), input))),
        Effect.onInterrupt(() => Effect.sync(() => said.push(`${stepId} is interrupted`)))
      ),
    fail: (_, { stepId }) =>
      Effect.suspend(() => {
        said.push(`${stepId} fails`)
        return Effect.fail(new TaskFailed({ task: "fail", problem: "in vain", retryable: false }))
      })
  })

const task = (id: string, name: string, input: Schema.Json, more: object = {}) =>
  step("task", id, null, { task: name, input, onCrash: "rerun", ...more })
const map = (id: string, steps: ReadonlyArray<object>, more: object = {}) =>
  step("map", id, null, { items: "{{ input }}", steps, ...more })
const parallel = (id: string, branches: Readonly<Record<string, ReadonlyArray<object>>>, more: object = {}) =>
  step("parallel", id, null, {
    branches: Object.fromEntries(Object.entries(branches).map(([name, steps]) => [name, { steps }])),
    ...more
  })

const served = (said: Array<string> = []) => Effect.provide(layer({ tasks: tasks(said) }))

/** Hosts one after another on one store, each of which serves the tasks. */
const hosts = (said: Array<string> = []) => onHostOf(MemoryBackend.makeStore(), { tasks: tasks(said) })

describe("map", () => {
  it.effect("an empty list is a list, where it stands in another map and after a restart alike (mastra-ai/mastra#16475)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    return Effect.gen(function*() {
      const runId = yield* on(begin(
        document([
          map("groups", [
            { ...step("delay", "pause", "members", { for: "1 hour" }) },
            map("members", [task("member", "echo", "{{ item }}")], { items: "{{ group }}" })
          ], { as: "group", concurrency: 3 })
        ]),
        { input: [[], ["a"], []] }
      ))
      yield* on(pass("1 hour"))
      yield* on(assertOutput(runId, [[], ["a"], []]))
      assert.deepStrictEqual(said, ["groups[1]/members[0]/member"])
    })
  })

  it.effect("a later item that fails fails the step at once, although the first is slow, and no further item begins (floci-io/floci#1810)", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(
        document([map("each", [
          step("branch", "which", null, { cases: [{ when: "item = 'bad'", next: "broken" }], default: "slow" }),
          task("broken", "fail", null),
          task("slow", "slow", 60_000)
        ], { concurrency: 3 })]),
        { input: ["a", "b", "bad", "c", "d"] }
      )
      assert.strictEqual((yield* end(runId)).status, "failed")
      assert.deepStrictEqual(said, [
        "each[0]/slow begins",
        "each[1]/slow begins",
        "each[2]/broken fails",
        "each[0]/slow is interrupted",
        "each[1]/slow is interrupted"
      ])
    }).pipe(served(said))
  })

  it.effect("N-46: no more items are under way than it says, whenever its process dies (kestra-io/kestra#7880)", () =>
    Effect.gen(function*() {
      const contract = document([map("each", [task("work", "work", "{{ item }}")], { concurrency: 2 })])
      const world = yield* CrashHost.make
      let most = 0
      /** The tasks of one process: those that it has under way die with it. */
      const served = () => {
        let running = 0
        return serving({
          tasks: TaskRuntime.layerHandlers({
            work: (input) =>
              Effect.acquireUseRelease(
                Effect.sync(() => most = Math.max(most, ++running)),
                () => Effect.as(Effect.sleep("1 second"), input),
                () => Effect.sync(() => running--)
              )
          })
        })
      }
      let host = yield* world.start(served())
      const runId = yield* host.use(
        Contracts.use((contracts) => contracts.start({ contract, input: [0, 1, 2, 3, 4, 5, 6] })).pipe(
          Effect.map(({ runId }) => runId)
        ) as Effect.Effect<string, unknown, never>
      )
      yield* host.settled
      for (let second = 0; second < 5; second++) {
        yield* TestClock.adjust("1 second")
        yield* host.settled
        if (second % 2 === 1) host = yield* world.restart(host, served())
        yield* host.settled
      }
      assert.strictEqual((yield* world.run(runId)).status, "completed")
      assert.strictEqual(most, 2)
      const outcomes = (yield* world.journal(runId)).flatMap((entry) =>
        entry._tag === "StepCompleted" && entry.key !== "each" ? [entry.key] : []
      )
      assert.deepStrictEqual(outcomes, [0, 1, 2, 3, 4, 5, 6].map((item) => `each[${item}]/work`))
    }))

  it.effect("an answer goes on with one of the items that wait, and the others keep what they were asked (mastra-ai/mastra#18961, #15552)", () => {
    const on = hosts()
    const asks = step("approval", "ask", null, {
      prompt: "{{ 'Pay ' & item & '?' }}",
      args: { cents: "{{ item }}" },
      approvers: ["ada"],
      nextOnApproved: null,
      nextOnDenied: null
    })
    const answer = (runId: string, item: number) =>
      Runs.use((runs) =>
        Effect.flatMap(
          runs.approvals({ run: runId }),
          (asked) =>
            runs.answer(asked.find(({ key }) => key === `each[${item}]/ask`)!.id, {
              decision: "approve",
              by: "ada"
            })
        )
      )
    const open = (runId: string) =>
      Effect.map(
        Runs.use((runs) => runs.show(runId)),
        ({ approvals }) =>
          approvals.filter(({ status }) => status === "open").map(({ args, prompt }) => [prompt, args] as const)
      )
    return Effect.gen(function*() {
      const runId = yield* on(begin(
        document([map("each", [asks], { concurrency: 3, output: "{{ [item, steps.ask.output.decision] }}" })]),
        { input: [1, 2, 3] }
      ))
      yield* on(answer(runId, 1))
      assert.deepStrictEqual(yield* on(end(runId)), { status: "suspended", reason: "approval" })
      assert.deepStrictEqual(yield* on(open(runId)), [
        ["Pay 1?", { cents: 1 }],
        ["Pay 3?", { cents: 3 }]
      ])
      yield* on(Effect.andThen(answer(runId, 0), answer(runId, 2)))
      assert.strictEqual((yield* on(end(runId))).status, "completed")
    })
  })

  it.effect("as many items are under way after a restart as before it, and those that wait hold the places (mastra-ai/mastra#24581)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    const contract = document([map("each", [
      { ...task("look", "echo", "{{ item }}"), next: "wait" },
      step("wait", "wait", null, { event: "go", where: "event = item" })
    ], { concurrency: 2 })])
    return Effect.gen(function*() {
      const runId = yield* on(begin(contract, { input: [1, 2, 3, 4] }))
      assert.deepStrictEqual(said.splice(0), ["each[0]/look", "each[1]/look"])
      yield* on(settled)
      assert.deepStrictEqual(said, [])
      yield* on(publish("go", 2))
      assert.deepStrictEqual(said.splice(0), ["each[2]/look"])
      yield* on(Effect.andThen(publish("go", 1), publish("go", 3)))
      assert.deepStrictEqual(said.splice(0), ["each[3]/look"])
      yield* on(publish("go", 4))
      yield* on(assertOutput(runId, [1, 2, 3, 4]))
    })
  })
})

describe("parallel", () => {
  it.effect("after a restart the branches go on that were open, each with its own steps (mastra-ai/mastra#18755)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    const branch = (name: string, event?: string) =>
      event === undefined
        ? [task(`${name}-1`, "echo", name)]
        : [
          { ...task(`${name}-1`, "echo", name), next: `${name}-wait` },
          step("wait", `${name}-wait`, `${name}-2`, { event }),
          task(`${name}-2`, "echo", name)
        ]
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([
        parallel("all", { a: branch("a"), b: branch("b", "go.b"), c: branch("c", "go.c") })
      ])))
      assert.sameMembers(said.splice(0), ["all[a]/a-1", "all[b]/b-1", "all[c]/c-1"])
      yield* on(publish("go.c", null))
      assert.deepStrictEqual(said.splice(0), ["all[c]/c-2"])
      yield* on(publish("go.b", null))
      assert.deepStrictEqual(said.splice(0), ["all[b]/b-2"])
      yield* on(assertOutput(runId, { a: "a", b: "b", c: "c" }))
    })
  })

  it.effect("in a loop, where the fastest counts, each round stands for itself: one without a winner fails and holds up none (nocobase/nocobase#2687, #2703)", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const only = (n: number) => [
        step("branch", `is-${n}`, null, { cases: [{ when: `item = ${n}`, next: `take-${n}` }], default: `no-${n}` }),
        task(`take-${n}`, "echo", n),
        task(`no-${n}`, "fail", null)
      ]
      const runId = yield* begin(
        document([
          map("each", [parallel("any", { one: only(1), two: only(2) }, { wait: "first" })], { onFailure: "collect" })
        ]),
        { input: [2, 3, 1] }
      )
      const { output, status } = yield* end(runId)
      assert.strictEqual(status, "completed")
      const results = output as ReadonlyArray<
        { readonly output?: unknown; readonly error?: { readonly message: string } }
      >
      assert.deepStrictEqual(results.map(({ output }) => output), [
        { branch: "two", output: 2 },
        undefined,
        { branch: "one", output: 1 }
      ])
      assert.include(results[1]!.error!.message, "no branch succeeded")
    }).pipe(served(said))
  })

  it.effect("a branch that has lost takes nothing more: no event, no time, and it is not stopped a second time (Cotal-AI/Cotal#532)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([
        {
          ...parallel("race", {
            event: [step("wait", "hear", null, { event: "go" })],
            time: [step("delay", "late", null, { for: "2 hours" })],
            work: [task("work", "slow", 10_000)],
            quick: [step("delay", "soon", null, { for: "1 second" })]
          }, { wait: "first" }),
          next: "after"
        },
        step("delay", "after", "hear-after", { for: "1 day" }),
        step("wait", "hear-after", null, { event: "go" })
      ])))
      yield* on(pass("1 second"))
      // Once by the end of its process, and once because it has lost.
      const once = ["race[work]/work begins", "race[work]/work is interrupted"]
      assert.deepStrictEqual(said.splice(0), [...once, ...once])
      yield* on(publish("go", "for the next"))
      yield* on(pass("2 hours"))
      assert.deepStrictEqual(yield* on(end(runId)), { status: "suspended", reason: "timer" })
      yield* on(pass("1 day"))
      yield* on(assertOutput(runId, "for the next"))
      assert.isEmpty(said)
      const requested = (yield* on(journal(runId))).flatMap((entry) =>
        entry._tag === "StepRequested" && entry.key.startsWith("race[") ? [entry.key] : []
      )
      assert.notInclude(requested, "race[event]/hear")
    })
  })

  it.effect("what handles a failure runs once, however often the run is taken up again afterwards (langchain-ai/langgraph#9002)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([
        {
          ...parallel("both", {
            broken: [
              task("broken", "fail", null, { onError: "handle" }),
              task("handle", "echo", "handled")
            ],
            waits: [step("wait", "wait", null, { event: "go" })]
          }),
          next: "last"
        },
        task("last", "echo", "{{ steps.both.output }}")
      ])))
      for (let time = 0; time < 3; time++) yield* on(settled)
      yield* on(publish("go", 1))
      yield* on(assertOutput(runId, { broken: "handled", waits: 1 }))
      assert.deepStrictEqual(said, ["both[broken]/broken fails", "both[broken]/handle", "last"])
    })
  })
})

describe("undo", () => {
  const undo = (...steps: ReadonlyArray<object>) => ({ undo: { steps } })

  it.effect("S8: what undoes takes its time although the run was cancelled, across a restart (temporalio/sdk-java#305)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([
        {
          ...task(
            "book",
            "echo",
            "room",
            undo(
              step("delay", "grace", "free", { for: "1 hour" }),
              task("free", "echo", "{{ steps.book.output }}")
            )
          ),
          next: "hold"
        },
        step("delay", "hold", null, { for: "30 days" })
      ])))
      yield* on(Effect.andThen(
        Runs.use((runs) => runs.cancel(runId, { by: "ada", reason: "enough" })),
        pass("1 second")
      ))
      assert.deepStrictEqual(yield* on(end(runId)), { status: "suspended", reason: "timer" })
      // Told again, it stays what it was.
      yield* on(Effect.ignore(Runs.use((runs) => runs.cancel(runId, { by: "bob", reason: "again" }))))
      yield* on(pass("1 hour"))
      assert.strictEqual((yield* on(end(runId))).status, "cancelled")
      assert.deepStrictEqual(said, ["book", "book[undo]/free"])
      const last = (yield* on(journal(runId))).at(-1)!
      assert.deepInclude(last, { _tag: "RunCancelled", by: "ada", reason: "enough" })
    })
  })

  it.effect("S8: is done in the reverse order in which things were done, not in the order of the document, and only for what was (danielgerlag/workflow-core#191, #206)", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const done = (id: string, millis: number) => task(id, "slow", millis, undo(task(`undo-${id}`, "echo", id)))
      const runId = yield* begin(document([
        { ...parallel("all", { a: [done("a", 3000)], b: [done("b", 1000)], c: [done("c", 2000)] }), next: "d" },
        { ...task("d", "fail", null, undo(task("undo-d", "echo", "d"))) }
      ]))
      yield* pass("3 seconds")
      assert.strictEqual((yield* end(runId)).status, "failed")
      assert.deepStrictEqual(said.slice(6), [
        "d fails",
        "all[a]/a[undo]/undo-a",
        "all[c]/c[undo]/undo-c",
        "all[b]/b[undo]/undo-b"
      ])
    }).pipe(served(said))
  })

  it.effect("S8: one that fails is not tried again by the next process, and leaves none behind it undone (cadence-workflow/cadence-java-client#340)", () => {
    const said: Array<string> = []
    const on = hosts(said)
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([
        {
          ...task("a", "echo", 1, undo(step("delay", "rest", "undo-a", { for: "1 hour" }), task("undo-a", "echo", 1))),
          next: "b"
        },
        { ...task("b", "echo", 2, undo(task("undo-b", "fail", null))), next: "c" },
        task("c", "fail", null)
      ])))
      yield* on(settled)
      yield* on(pass("1 hour"))
      const { error, status } = yield* on(end(runId))
      assert.strictEqual(status, "failed")
      assert.include(error, `Step "c"`)
      assert.deepStrictEqual(said, ["a", "b", "c fails", "b[undo]/undo-b fails", "a[undo]/undo-a"])
    })
  })
})

describe("delay", () => {
  it.effect("longer than a timer of the platform, it ends on its day (vercel/workflow#823, aws/aws-durable-execution-sdk-js#474)", () => {
    const on = hosts()
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([step("delay", "wait", null, { for: "P60D" })])))
      for (const days of [1, 23, 1, 25]) {
        yield* on(pass(`${days} days`))
        assert.deepStrictEqual(yield* on(end(runId)), { status: "suspended", reason: "timer" })
      }
      yield* on(pass("10 days"))
      yield* on(assertOutput(runId, "1970-03-02T00:00:00.000Z"))
    })
  })

  it.effect("until a time that an expression makes of the present one, it waits as long after a restart as before (n8n-io/n8n#14723, #8548)", () => {
    const on = hosts()
    return Effect.gen(function*() {
      const runId = yield* on(begin(document([
        step("delay", "first", "second", { for: "1 hour" }),
        step("delay", "second", null, { until: "{{ $fromMillis($millis() + 3600000) }}" })
      ])))
      yield* on(pass("1 hour"))
      yield* on(pass("59 minutes"))
      assert.deepStrictEqual(yield* on(end(runId)), { status: "suspended", reason: "timer" })
      yield* on(pass("1 minute"))
      yield* on(assertOutput(runId, "1970-01-01T02:00:00.000Z"))
    })
  })

  it.effect("until a wall clock that goes back an hour, it takes the offset that it is told (n8n-io/n8n#8548, inngest/inngest-py#12)", () => {
    const on = hosts()
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-10-25T00:00:00Z"))
      // Half past two comes twice in Berlin on this night.
      const first = yield* on(
        begin({ ...document([step("delay", "wait", null, { until: "2026-10-25T02:30:00+02:00" })]), id: "summer" })
      )
      const second = yield* on(
        begin({ ...document([step("delay", "wait", null, { until: "2026-10-25T02:30:00+01:00" })]), id: "winter" })
      )
      yield* on(pass("30 minutes"))
      yield* on(assertOutput(first, "2026-10-25T00:30:00.000Z"))
      assert.deepStrictEqual(yield* on(end(second)), { status: "suspended", reason: "timer" })
      yield* on(pass("1 hour"))
      yield* on(assertOutput(second, "2026-10-25T01:30:00.000Z"))
    })
  })

  it("what would be over only after its run has been stopped is a mistake, found before any run waits for it (temporalio/temporal#690)", () => {
    const problems = (limits: object, ...steps: ReadonlyArray<{ readonly id: string }>) =>
      ContractValidation.check(document(steps, { limits })).problems.map(({ message }) => message)
    const day = 86_400_000
    const why = (path: string, run: string, wait: string) =>
      `${path}: a run is stopped after ${run} (limits.maxRunMs), before these ${wait} are over; wait for less, or raise that limit`
    const wait = { event: "go", timeout: { ms: 8 * day } }
    const approval = { prompt: "Go?", approvers: ["ada"], nextOnApproved: null, nextOnDenied: null }
    assert.deepStrictEqual(problems({}, step("delay", "a", null, { for: "P400D" })), [
      why("steps[0].for", "365 d", "400 d")
    ])
    assert.deepStrictEqual(
      problems(
        { maxRunMs: 7 * day },
        map("each", [step("delay", "a", "b", { for: "1 week" }), step("wait", "b", null, wait)], { next: "c" }),
        step("approval", "c", null, { ...approval, timeout: { ms: 30 * day } })
      ),
      [
        why("steps[1].timeout.ms", "7 d", "30 d"),
        why("steps[0].steps[0].for", "7 d", "7 d"),
        why("steps[0].steps[1].timeout.ms", "7 d", "8 d")
      ]
    )
    assert.deepStrictEqual(
      problems(
        { maxRunMs: 31 * day },
        step("delay", "a", "b", { for: "{{ input }}" }),
        step("wait", "b", "c", wait),
        step("approval", "c", null, { ...approval, timeout: { ms: 30 * day } })
      ),
      []
    )
  })

  it.effect("one that cannot tell when it ends fails, and does not fall through to what it guards (PostHog/posthog#82920)", () => {
    const said: Array<string> = []
    return Effect.gen(function*() {
      const runId = yield* begin(
        document([
          step("delay", "wait", "send", { until: "{{ input.date }}" }),
          task("send", "echo", null)
        ]),
        { input: { date: "tomorrow" } }
      )
      const { error, status } = yield* end(runId)
      assert.strictEqual(status, "failed")
      assert.include(error, `its time came out as "tomorrow"`)
      assert.isEmpty(said)
    }).pipe(served(said))
  })
})
