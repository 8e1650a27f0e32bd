import { assert, describe, it } from "@effect/vitest"
import * as ChildRuns from "@fermata/engine/ChildRuns"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import { Store } from "@fermata/engine/Store"
import { Effect, Layer, type Schema, Schema as S } from "effect"
import { Workflow } from "effect/workflow"
import * as ContractCalls from "../src/ContractCalls.ts"
import { Contracts } from "../src/Contracts.ts"
import * as ContractValidation from "../src/ContractValidation.ts"
import * as ContractView from "../src/ContractView.ts"
import { TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import { assertOutput, begin, document, end, layer, pass, publish, runsOf, settled, step } from "./support/Agency.ts"

const Go = Signal.make("go", { schema: S.String })
/** A program that is called by its name. */
const Greet = Workflow.make("greet", {
  payload: { name: S.String },
  success: S.String,
  error: S.Struct({ _tag: S.tag("Rude"), why: S.String }),
  idempotencyKey: ({ name }) => name
})
const greeting = Greet.toLayer(({ name }) =>
  name === "Eve"
    ? Effect.fail({ _tag: "Rude" as const, why: "no word for Eve" })
    : name === "Ada"
    ? Effect.map(Signal.receive(Go), (word) => `${word} Ada`)
    : Effect.succeed(`Hello ${name}`)
)

const tasks = TaskRuntime.layerHandlers({
  double: (input) => Effect.succeed(Number(input) * 2),
  fail: () => Effect.fail(new TaskFailed({ task: "fail", problem: "in vain", retryable: false })),
  throws: () =>
    Effect.sync(() => {
      throw new TypeError("no such thing")
    })
})
const served = Effect.provide(greeting.pipe(Layer.provideMerge(layer({ tasks }))))

const call = (id: string, next: string | null, fields: object) => step("call", id, next, fields)
const task = (id: string, name: string, input: Schema.Json) =>
  step("task", id, null, { task: name, input, onCrash: "rerun" })
/** A contract with one task. */
const doubling = (more: object = {}) =>
  document([task("double", "double", "{{ input.n }}")], { id: "doubling", ...more })
const calls = (fields: object, more: object = {}) => document([call("sub", null, fields)], { id: "calls", ...more })
const add = (contract: object) => Contracts.use((contracts) => contracts.add(contract))
const show = (runId: string) => Runs.use((runs) => runs.show(runId))
const problems = (contract: object) => ContractValidation.check(contract).problems.map(({ message }) => message)

/** A contract that waits for the event "go", and says which version it is. */
const holding = (version: string) =>
  document([step("wait", "hold", "say", { event: "go" }), step("transform", "say", null, { set: { version } })], {
    id: "holding",
    version
  })

describe("call", () => {
  it.effect("S11: runs a contract by its id as a child run, with an input, and its output is what that came to", () =>
    Effect.gen(function*() {
      yield* add(doubling())
      const contracts = yield* Contracts
      const { runId } = yield* contracts.start({
        contract: document([
          call("sub", "tell", { workflow: "doubling", input: { n: "{{ input.n + 1 }}" } }),
          step("transform", "tell", null, { set: { got: "{{ steps.sub.output }}" } })
        ]),
        input: { n: 20 },
        by: "ada"
      })
      yield* settled
      yield* assertOutput(runId, { got: 42 })
      const [child] = yield* runsOf("doubling")
      assert.deepInclude(yield* show(child!), { parent: runId, by: "ada" })
      const steps = (yield* show(runId)).steps.map(({ key, label, status }) => `${key} ${label} ${status}`)
      assert.deepStrictEqual(steps, ["sub[run]/start call completed", "sub call completed", "tell transform completed"])
      // Every run of the step is a run of its own.
      const again = yield* begin("sample", { input: { n: 20 } })
      yield* assertOutput(again, { got: 42 })
      assert.lengthOf(yield* runsOf("doubling"), 2)
    }).pipe(served))

  it.effect("S10: runs a program by its name, and says what its payload lacks", () =>
    Effect.gen(function*() {
      const greets = calls({ workflow: "greet", version: "1", input: { name: "{{ input }}" } })
      yield* assertOutput(yield* begin(greets, { input: "Grace" }), "Hello Grace")
      const wrong = yield* end(yield* begin(greets, { input: 7 }))
      assert.strictEqual(wrong.status, "failed")
      assert.match(
        wrong.error!,
        /^ContractFailed: Step "sub" of contract "calls" 1.0.0 failed: The input does not fit workflow "greet": Expected string/
      )
    }).pipe(served))

  it.effect("fails with the reason of the child's failure, its run and its error; steps that come by onError see them", () =>
    Effect.gen(function*() {
      yield* add(document([task("work", "fail", null)], { id: "failing" }))
      const caught = (workflow: string, input: Schema.Json) =>
        document([
          call("sub", null, { workflow, input, onError: "tell" }),
          step("transform", "tell", null, {
            set: {
              reason: "{{ steps.sub.error.reason }}",
              message: "{{ steps.sub.error.message }}",
              run: "{{ steps.sub.error.data.run }}",
              error: "{{ steps.sub.error.data.error }}"
            }
          })
        ], { id: `caught-${workflow}` })
      const ofContract = yield* begin(caught("failing", null))
      const [failing] = yield* runsOf("failing")
      const message = "Step \"work\" of contract \"failing\" 1.0.0 failed: Task \"fail\" failed: in vain"
      yield* assertOutput(ofContract, {
        reason: "task",
        message,
        run: failing,
        error: { _tag: "ContractFailed", contract: "failing", version: "1.0.0", step: "work", reason: "task", message }
      })
      const ofProgram = yield* begin(caught("greet", { name: "Eve" }))
      const [greet] = yield* runsOf("greet")
      yield* assertOutput(ofProgram, {
        reason: "call",
        message: "workflow \"greet\" 1 failed: {\"_tag\":\"Rude\",\"why\":\"no word for Eve\"}",
        run: greet,
        error: { _tag: "Rude", why: "no word for Eve" }
      })
      assert.deepStrictEqual(yield* end(yield* begin(calls({ workflow: "failing" }))), {
        status: "failed",
        error: `ContractFailed: Step "sub" of contract "calls" 1.0.0 failed: ${message}`
      })
    }).pipe(served))

  it.effect("tells people where the child's error was thrown, and expressions not", () =>
    Effect.gen(function*() {
      yield* add(document([task("work", "throws", null)], { id: "throwing" }))
      const runId = yield* begin(calls({ workflow: "throwing", onError: "tell" }, {
        steps: [
          call("sub", null, { workflow: "throwing", onError: "tell" }),
          step("transform", "tell", null, { set: { error: "{{ steps.sub.error }}" } })
        ]
      }))
      const { output, steps } = yield* show(runId)
      assert.notInclude(JSON.stringify(output), "trace")
      assert.include(JSON.stringify(output), "no such thing")
      const [failed] = yield* Store.use((store) => store.journal(runId)).pipe(
        Effect.map((entries) => entries.filter((entry) => entry._tag === "StepFailed"))
      )
      assert.strictEqual(failed!.key, "sub")
      assert.include(JSON.stringify(failed!.cause), "\"trace\":{\"name\":\"TypeError\"")
      assert.lengthOf(steps, 3)
    }).pipe(served))

  it.effect("says what there is where the workflow or the version is missing", () =>
    Effect.gen(function*() {
      yield* add(doubling())
      const why = (fields: object, id: string) =>
        Effect.map(Effect.flatMap(begin(calls(fields, { id })), end), ({ error = "" }) =>
          error.slice(error.indexOf("failed: ") + 8))
      assert.strictEqual(
        yield* why({ workflow: "doubling", version: "2.0.0" }, "a"),
        "There is no workflow \"doubling\" version 2.0.0; registered are doubling@1.0.0"
      )
      assert.match(
        yield* why({ workflow: "dubling" }, "b"),
        /^There is no workflow "dubling"; registered are .*doubling@1\.0\.0/
      )
    }).pipe(served))

  it.effect("S9: what was called stands: a version that is added while the run waits is for later runs, also after a replay", () =>
    Effect.gen(function*() {
      yield* add(holding("1.0.0"))
      const before = yield* begin(calls({ workflow: "holding" }), { key: "before" })
      yield* add(holding("1.1.0"))
      // The newest is what a start by hand takes, too: no prerelease.
      yield* add(holding("2.0.0-rc.1"))
      const after = yield* begin("calls", { key: "after" })
      const { runId: byHand } = yield* Runs.use((runs) => runs.start("holding", null, { key: "k" }))
      yield* settled
      yield* Engine.use((engine) => engine.evict)
      yield* settled
      assert.strictEqual(yield* Engine.use((engine) => engine.awake), 0)
      assert.deepStrictEqual(yield* end(before), { status: "suspended", reason: "child" })
      yield* publish("go", null)
      yield* assertOutput(before, { version: "1.0.0" })
      yield* assertOutput(after, { version: "1.1.0" })
      yield* assertOutput(byHand, { version: "1.1.0" })
    }).pipe(served))

  it.effect("S8: a cancel of the run cancels the run that it has called; a called run that is cancelled fails the step", () =>
    Effect.gen(function*() {
      yield* add(holding("1.0.0"))
      const cancel = (runId: string) => Runs.use((runs) => runs.cancel(runId, { by: "ada", reason: "enough" }))
      const parent = yield* begin(calls({ workflow: "holding" }), { key: "a" })
      yield* cancel(parent)
      yield* pass("1 second")
      const [child] = yield* runsOf("holding")
      assert.deepStrictEqual([(yield* end(parent)).status, (yield* end(child!)).status], ["cancelled", "cancelled"])
      const other = yield* begin("calls", { key: "b" })
      yield* cancel((yield* runsOf("holding"))[1]!)
      yield* pass("1 second")
      assert.deepStrictEqual(yield* end(other), {
        status: "failed",
        error:
          "ContractFailed: Step \"sub\" of contract \"calls\" 1.0.0 failed: workflow \"holding\" 1.0.0 was cancelled"
      })
    }).pipe(served))

  it.effect("S8: in a map and a parallel, what is interrupted stops what it has called", () =>
    Effect.gen(function*() {
      yield* add(holding("1.0.0"))
      yield* add(document([task("work", "fail", null)], { id: "failing" }))
      const map = yield* begin(document([
        step("map", "each", null, {
          items: ["holding", "failing"],
          concurrency: 2,
          steps: [
            {
              ...step("branch", "which", null, {
                cases: [{ when: "item = 'failing'", next: "fails" }],
                default: "holds"
              })
            },
            call("fails", null, { workflow: "failing" }),
            call("holds", null, { workflow: "holding" })
          ]
        })
      ], { id: "mapping" }))
      assert.include((yield* end(map)).error, "step \"each[1]/fails\" failed: Step \"work\" of contract \"failing\"")
      const race = yield* begin(document([
        step("parallel", "both", null, {
          wait: "first",
          branches: {
            slow: { steps: [call("slow", null, { workflow: "holding" })] },
            time: { steps: [step("delay", "time", null, { for: "1 hour" })] }
          }
        })
      ], { id: "racing" }))
      yield* pass("1 hour")
      assert.strictEqual((yield* end(race)).status, "completed")
      for (const child of yield* runsOf("holding")) assert.strictEqual((yield* end(child)).status, "cancelled")
      assert.lengthOf(yield* runsOf("holding"), 2)
    }).pipe(served))

  it.effect("S8: may undo what a step has done, when the run fails and when it is cancelled, and is waited for", () =>
    Effect.gen(function*() {
      yield* add(
        document([
          step("delay", "soon", "say", { for: "1 minute" }),
          step("transform", "say", null, { set: { undone: "{{ input }}" } })
        ], { id: "undoing" })
      )
      const undone = (id: string, last: object) =>
        document([
          step("transform", "do", "last", {
            set: { a: 1 },
            undo: { steps: [call("back", null, { workflow: "undoing", input: "{{ steps.do.output.a }}" })] }
          }),
          Object.assign({ id: "last", name: "Last", next: null }, last)
        ], { id })
      const fails = yield* begin(undone("fails", { kind: "task", task: "fail", onCrash: "rerun" }))
      const waits = yield* begin(undone("waits", { kind: "delay", for: "1 day" }))
      yield* Runs.use((runs) => runs.cancel(waits, { by: "ada", reason: "enough" }))
      yield* pass("1 second")
      for (const runId of [fails, waits]) assert.include(["running", "suspended"], (yield* end(runId)).status)
      yield* Engine.use((engine) => engine.evict)
      yield* pass("1 minute")
      assert.strictEqual((yield* end(fails)).status, "failed")
      assert.strictEqual((yield* end(waits)).status, "cancelled")
      const children = yield* runsOf("undoing")
      assert.lengthOf(children, 2)
      for (const child of children) yield* assertOutput(child, { undone: 1 })
    }).pipe(served))

  it.effect("may run the contract itself, and not without end", () =>
    Effect.gen(function*() {
      const down = (id: string, when: string) =>
        document([
          step("branch", "which", null, { cases: [{ when, next: "sub" }], default: null }),
          call("sub", null, { workflow: id, input: "{{ input - 1 }}" })
        ], { id, output: "{{ $exists(steps.sub) ? steps.sub.output + input : 0 }}" })
      yield* assertOutput(yield* begin(down("sum", "input > 0"), { input: 4 }), 10)
      const endless = yield* begin(down("endless", "true"), { input: 0 })
      const { error, status } = yield* end(endless)
      assert.strictEqual(status, "failed")
      assert.include(error, "Workflow \"endless\" cannot be started here: 16 runs are above it")
      assert.lengthOf(yield* runsOf("endless"), ChildRuns.maxAbove + 1)
    }).pipe(served))

  it.effect("N-55: a fork behind it has its run and outcome; a fork at it starts a run of its own", () =>
    Effect.gen(function*() {
      yield* add(doubling())
      const contract = document([
        call("sub", "tell", { workflow: "doubling", input: { n: 2 } }),
        step("transform", "tell", null, { set: { got: "{{ steps.sub.output }}" } })
      ], { id: "forked" })
      const runId = yield* begin(contract)
      const runs = yield* Runs
      const behind = yield* runs.fork(runId, { at: "tell", set: { sub: 5 } })
      yield* settled
      yield* assertOutput(behind.runId, { got: 5 })
      assert.lengthOf(yield* runsOf("doubling"), 1)
      const at = yield* runs.fork(runId, { at: "sub[run]/start" })
      yield* settled
      yield* assertOutput(at.runId, { got: 4 })
      assert.lengthOf(yield* runsOf("doubling"), 2)
      const odd = yield* runs.fork(runId, { at: "sub", set: { "sub[run]/start": 7 } }).pipe(Effect.flip)
      assert.include(odd.message, "what it shares does not replay")
      assert.lengthOf(yield* runsOf("doubling"), 2)
    }).pipe(served))

  it("is checked: its name, its permission and its input", () => {
    assert.deepStrictEqual(problems(calls({ workflow: "greet", input: "{{ inptu }}" }, { permissions: [] })), [
      "steps[0].workflow: no workflow:call permission covers the workflow \"greet\"; add {\"kind\":\"workflow:call\",\"pattern\":\"greet\"} to permissions",
      "steps[0].input: found inptu, expected one of trigger, input, steps, state, run; did you mean \"input\"?"
    ])
    assert.deepStrictEqual(problems(calls({ workflow: "{{ input }}" })), [
      "steps[0].workflow: found \"{{ input }}\", expected the name of a workflow or the id of a contract: letters, digits, . _ / : @ and -"
    ])
    const permitted = { permissions: [{ kind: "workflow:call", pattern: "gr*" }] }
    assert.deepStrictEqual(problems(calls({ workflow: "greet" }, permitted)), [])
    assert.lengthOf(problems(calls({ workflow: "treat" }, permitted)), 1)
  })

  describe("of a contract whose output is known", () => {
    const outputSchema = {
      type: "object",
      properties: {
        cents: { type: "integer" },
        lines: {
          type: "array",
          items: { type: "object", properties: { name: { type: "string" } }, additionalProperties: false }
        },
        more: { type: "object" }
      },
      additionalProperties: false
    }
    const priced = doubling({ id: "priced", outputSchema })
    const reading = (path: string, fields: object = {}) =>
      document([
        call("sub", "tell", { workflow: "priced", ...fields }),
        step("transform", "tell", null, { set: { got: `{{ steps.sub.output${path} }}` } })
      ], { id: `reading${path.replaceAll(/[^a-z]/g, "-")}` })
    const newest = ContractValidation.check({ ...priced, version: "1.1.0" }).contract!
    const outputOf = ContractCalls.outputsOf([
      { ...newest, version: "1.0.0", outputSchema: { type: "string" } },
      newest
    ])
    const found = (path: string, fields?: object) =>
      ContractValidation.check(reading(path, fields), undefined, outputOf).problems.map(({ message }) => message)

    it("is read by names that it has, through lists too; where it does not say, any name may be", () => {
      for (
        const path of ["", ".cents", ".lines.name", ".lines[0].name", ".lines[name = 'a'].name", ".more.of.it", ".*.x"]
      ) {
        assert.deepStrictEqual(found(path), [], path)
      }
      assert.deepStrictEqual(found(".lines@$line.{ 'a': any }"), [])
      // Behind a @ the path goes on where it was.
      assert.deepStrictEqual(found(".lines@$line.cents"), [])
      assert.deepStrictEqual(found(".cent"), [
        "steps[1].set.got: found cent, expected a field of steps.sub.output, which has cents, lines, more; did you mean \"cents\"?"
      ])
      assert.deepStrictEqual(found(".lines[0].nmae & ''"), [
        "steps[1].set.got: found nmae, expected a field of steps.sub.output.lines, which has name; did you mean \"name\"?"
      ])
      assert.deepStrictEqual(found(".cents.of"), [
        "steps[1].set.got: found of, expected no field, since steps.sub.output.cents has none"
      ])
      assert.deepStrictEqual(found(".cents", { version: "1.0.0" }), [
        "steps[1].set.got: found cents, expected no field, since steps.sub.output has none"
      ])
      assert.deepStrictEqual(found(".cents", { version: "9.9.9" }), [])
      assert.deepStrictEqual(found(".cents", { workflow: "other" }), [])
    })

    it("holds for a model's answer too", () => {
      const answers = (output: unknown, path: string) =>
        problems(document([
          step("llm", "ask", "tell", { prompt: "?", output }),
          step("transform", "tell", null, { set: { got: `{{ steps.ask.output${path} }}` } })
        ]))
      assert.deepStrictEqual(answers("text", ""), [])
      assert.deepStrictEqual(answers("text", ".kind"), [
        "steps[1].set.got: found kind, expected no field, since steps.ask.output has none"
      ])
      const shape = { type: "object", properties: { kind: { type: "string" } }, additionalProperties: false }
      assert.deepStrictEqual(answers(shape, ".kind"), [])
      assert.lengthOf(answers(shape, ".knid"), 1)
      assert.deepStrictEqual(answers({ ...shape, additionalProperties: true }, ".knid"), [])
    })

    it.effect("is refused when it is added, where the call names the version, which never changes", () =>
      Effect.gen(function*() {
        yield* add(priced)
        yield* add(reading(".cent"))
        const error = yield* Effect.flip(add(reading(".cent", { version: "1.0.0" })))
        assert.strictEqual(error._tag, "ContractInvalid")
        assert.include(error.message, "did you mean \"cents\"?")
      }).pipe(served))

    it.effect("stands in the definition as that of a program does", () =>
      Effect.gen(function*() {
        yield* add(priced)
        yield* add(doubling())
        const { backend } = yield* Store
        const successOf = (name: string) =>
          Effect.map(backend.definition(name, name === "greet" ? "1" : "1.0.0"), (row) =>
            (JSON.parse(row!.schemas) as { readonly success: { readonly schema: object } | null }).success)
        const ofContract = yield* successOf("priced")
        const ofProgram = yield* successOf("greet")
        assert.deepStrictEqual(ofContract?.schema, outputSchema)
        assert.deepStrictEqual(ofProgram?.schema, { type: "string" })
        assert.sameMembers(Object.keys(ofContract!), Object.keys(ofProgram!))
        assert.isNull(yield* successOf("doubling"))
        const { contract } = yield* Contracts.use((contracts) =>
          contracts.get("priced")
        )
        assert.deepStrictEqual<unknown>(ContractView.of(contract).outputSchema, outputSchema)
      }).pipe(served))
  })

  it("of what nobody has is told, with what there is", () => {
    const { contract } = ContractValidation.check(
      document([
        step("map", "each", "b", { items: [], steps: [call("a", null, { workflow: "dubling" })] }),
        call("b", "c", { workflow: "doubling", version: "2.0.0" }),
        call("c", "d", { workflow: "doubling", version: "1.0.0" }),
        call("d", "e", { workflow: "doubling" }),
        call("e", null, { workflow: "zebra" })
      ])
    )
    const known = ["1.9.0", "1.10.0", "1.0.0"].map((version) => ({ name: "doubling", version }))
    assert.deepStrictEqual(ContractCalls.missing(contract!, known).map(({ message }) => message), [
      "step \"a\" calls workflow \"dubling\", which there is not; did you mean \"doubling\"?",
      "step \"b\" calls version 2.0.0 of workflow \"doubling\", of which there is 1.10.0, 1.9.0, 1.0.0",
      "step \"e\" calls workflow \"zebra\", which there is not"
    ])
  })

  it("leads to the contracts that a run may come to run", () => {
    const contract = (id: string, version: string, ...called: ReadonlyArray<object>) =>
      ContractValidation.check(document(
        called.map((fields, n) => call(`s${n}`, n + 1 < called.length ? `s${n + 1}` : null, fields)),
        { id, version }
      )).contract!
    const last = ContractValidation.check(doubling({ id: "last" })).contract!
    const all = [
      contract("b", "1.0.0", { workflow: "last" }),
      contract("b", "2.0.0", { workflow: "a" }, { workflow: "program" }),
      contract("c", "1.0.0", { workflow: "c" }),
      last
    ]
    const reached = (...called: ReadonlyArray<object>) =>
      ContractCalls.reachable(contract("a", "1.0.0", ...called), all).map(({ id, version }) => `${id}@${version}`)
    assert.deepStrictEqual(reached({ workflow: "b" }), ["b@2.0.0"])
    assert.deepStrictEqual(reached({ workflow: "b", version: "1.0.0" }, { workflow: "c" }), [
      "b@1.0.0",
      "last@1.0.0",
      "c@1.0.0"
    ])
  })
})

describe("the retry of a run that failed of a contract that it has called", () => {
  it.effect("S1, S11: retries that one with it, also where several were called at a time", () => {
    const log: Array<string> = []
    let isBroken = true
    const tasks = TaskRuntime.layerHandlers({
      prepare: (input) => Effect.sync(() => void log.push(`prepare ${String(input)}`)),
      pay: (input) =>
        Effect.suspend(() => {
          log.push(`pay ${String(input)}`)
          return isBroken && input !== "b"
            ? Effect.fail(new TaskFailed({ task: "pay", problem: "no funds", retryable: false }))
            : Effect.succeed(`paid ${String(input)}`)
        })
    })
    return Effect.gen(function*() {
      yield* add(document([
        step("task", "prepare", "pay", { task: "prepare", input: "{{ input.name }}", onCrash: "rerun" }),
        task("pay", "pay", "{{ input.name }}")
      ], { id: "paying" }))
      const run = yield* begin(document([
        step("map", "each", null, {
          items: "{{ ['a', 'b', 'c'] }}",
          concurrency: 3,
          steps: [call("sub", null, { workflow: "paying", input: { name: "{{ item }}" } })]
        })
      ]))
      assert.strictEqual((yield* end(run)).status, "failed")
      isBroken = false
      const runs = yield* Runs
      const failed = (yield* show(run)).children.find(({ error }) => error !== undefined)
      const retried = yield* runs.retry(run, { by: "ada" })
      yield* settled
      assert.strictEqual(retried.child, failed!.child)
      yield* assertOutput(retried.runId, ["paid a", "paid b", "paid c"])
      assert.deepStrictEqual(
        log.toSorted(),
        ["pay a", "pay a", "pay b", "pay c", "pay c", "prepare a", "prepare b", "prepare c"]
      )
    }).pipe(Effect.provide(layer({ tasks })))
  })

  it.effect("a step that failed inside of others is tried anew, and those around it with it", () => {
    const log: Array<string> = []
    let isBroken = true
    const tasks = TaskRuntime.layerHandlers({
      pay: (input) =>
        Effect.suspend(() => {
          log.push(`pay ${String(input)}`)
          return isBroken && input === "b"
            ? Effect.fail(new TaskFailed({ task: "pay", problem: "no funds", retryable: false }))
            : Effect.succeed(`paid ${String(input)}`)
        })
    })
    return Effect.gen(function*() {
      const run = yield* begin(document([
        step("map", "each", null, {
          items: "{{ ['a', 'b'] }}",
          steps: [step("map", "inner", null, { items: "{{ [item] }}", steps: [task("pay", "pay", "{{ item }}")] })]
        })
      ]))
      assert.strictEqual((yield* end(run)).status, "failed")
      isBroken = false
      const runs = yield* Runs
      const retried = yield* runs.retry(run)
      yield* settled
      assert.deepInclude(retried, { step: "each[1]/inner[0]/pay", after: [] })
      yield* assertOutput(retried.runId, [["paid a"], ["paid b"]])
      assert.deepStrictEqual(log, ["pay a", "pay b", "pay b"])
    }).pipe(Effect.provide(layer({ tasks })))
  })

  it.effect("where the step has failed by itself behind what it was told of another, the step is tried anew", () =>
    Effect.gen(function*() {
      yield* add(document([task("fails", "fail", null)], { id: "failing" }))
      const run = yield* begin(document([
        call("sub", null, { workflow: "failing", onError: "after" }),
        task("after", "fail", null)
      ]))
      const retried = yield* Runs.use((runs) => runs.retry(run))
      assert.deepStrictEqual([retried.step, retried.child], ["after", undefined])
    }).pipe(served))
})
