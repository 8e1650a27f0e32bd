import { assert, describe, it } from "@effect/vitest"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Signal, Step } from "@fermata/engine"
import { Engine } from "@fermata/engine/Engine"
import { CrashHost } from "@fermata/testing"
import { Cause, Context, Effect, Exit, Layer, Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { assertOutput, begin, contract, define, echo, handlers, Log, only, run, serve, serveAgain } from "./support.ts"

const W = define("W")
const Go = Signal.make("go")

describe("runs of programs", () => {
  it.effect("P-20: a step outside a run is refused with a clear sentence, and in a run its ids reach the journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = echo(log)
      const host = yield* world.start(W.toLayer(() => step("inside")))
      const outside = yield* Effect.exit(host.use(step("outside") as Effect.Effect<string>))
      assert.include(
        Exit.isFailure(outside) ? String(Cause.squash(outside.cause)) : "",
        "Step \"echo\" was called outside a run"
      )
      const id = yield* begin(host, W, "task-1")
      assert.deepStrictEqual(log.entries, ["echo inside"])
      const [requested] = yield* world.journal(id)
      assert.deepInclude(requested, { _tag: "RunRequested", workflow: "W", payload: { id: "task-1" } })
      assert.include(yield* world.run(id), { id, workflow: "W", status: "completed" })
    }))

  it.effect("P-21: a workflow can ask for the id of its own run and for what it was given", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(({ id }, runId) =>
          Effect.map(WorkflowEngine.WorkflowInstance, (instance) => [id, runId, instance.executionId])
        )
      )
      const one = yield* begin(host, W, "issue-1")
      const two = yield* begin(host, W, "issue-2")
      assert.notStrictEqual(one, two)
      yield* assertOutput(host, W, one, ["issue-1", one, one])
      yield* assertOutput(host, W, two, ["issue-2", two, two])
    }))

  it.effect("P-22: steps get their keys in the order in which they are first asked for, and keep them on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        for (const text of ["a", "b", "c"]) yield* echo(log)(text)
        yield* Signal.receive(Go)
        yield* echo(log)("d")
      }))
      const keys = Effect.fnUntraced(function*(id: string) {
        return only(yield* world.journal(id), "StepRequested").map(({ input, key }) => [key, input])
      })
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const three = [["echo", "a"], ["echo~2", "b"], ["echo~3", "c"]]
      assert.deepStrictEqual(yield* keys(id), three)
      yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.deepStrictEqual(yield* keys(id), [...three, ["echo~4", "d"]])
      const entries = yield* world.journal(id)
      assert.deepStrictEqual(entries.map(({ seq }) => seq), entries.map((_, index) => index))
      assert.deepStrictEqual(log.entries, ["echo a", "echo b", "echo c", "echo d"])
    }))

  it.effect("P-23: a replay runs the code from the top and builds neither the bodies nor the dependencies of finished steps", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* log.add("workflow")
        const loaded = yield* load(log)("x")
        yield* Signal.receive(Go)
        return loaded
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.deepStrictEqual(log.entries, ["workflow", "dependency", "load x"])
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, "x from the database")
      assert.deepStrictEqual(log.entries, ["workflow", "dependency", "load x", "workflow"])
    }))

  it.effect("P-24: a body that decides differently on replay suspends as diverged, and names the first difference", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let coin = "heads"
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, coin)("x")
        yield* Signal.receive(Go)
        return coin
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const rows = yield* world.rows(id)
      coin = "tails"
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "diverged" })
      const [wait] = yield* world.waits(id)
      assert.include(wait, { reason: "diverged" })
      assert.include(wait!.detail, "heads")
      assert.deepStrictEqual(yield* world.rows(id), rows, "the journal is left as it was")
      assert.deepStrictEqual(log.entries, ["heads x"], "nothing was guessed")
    }))

  it.effect("P-25: a replay passes over steps whose dependencies are gone", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const program = (database: Layer.Layer<Database>) =>
        W.toLayer(Effect.fnUntraced(function*() {
          const loaded = yield* Step.make("load", {
            success: Schema.String,
            onCrash: "rerun",
            run: () => Effect.provide(Database.use(({ load }) => load("x")), database)
          })()
          yield* Signal.receive(Go)
          return yield* echo(log)(loaded)
        }))
      const first = yield* world.start(program(Database.layer(log)))
      const id = yield* begin(first, W)
      const gone = Layer.effect(Database, Effect.andThen(log.add("built again"), Effect.die("the database is gone")))
      const second = yield* world.restart(first, program(gone))
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, "x from the database")
      assert.deepStrictEqual(log.entries, ["dependency", "load x", "echo x from the database"])
    }))

  it.effect("P-26: without an engine a program fails before its body", () =>
    Effect.gen(function*() {
      const log = new Log()
      const step = echo(log)
      const layer = W.toLayer(() => Effect.andThen(log.add("body"), step("x")))
      const bare = yield* Effect.exit(W.execute({ id: "1" }) as Effect.Effect<unknown>)
      assert.include(Exit.isFailure(bare) ? String(Cause.squash(bare.cause)) : "", "WorkflowEngine")
      assert.deepStrictEqual(log.entries, [])
      // Under the engine of effect itself the body begins, and the step that needs this engine is refused before its own.
      const foreign = Layer.provideMerge(
        layer as Layer.Layer<never, never, WorkflowEngine.WorkflowEngine>,
        WorkflowEngine.layerMemory
      )
      const other = yield* Effect.exit(Effect.provide(W.execute({ id: "1" }), foreign))
      assert.include(Exit.isFailure(other) ? String(Cause.squash(other.cause)) : "", "was called outside a run")
      assert.deepStrictEqual(log.entries, ["body"])
    }))
})

describe("delegation by name", () => {
  const delegating = (task: string) =>
    contract([{ id: "delegate", kind: "task", task, input: "{{ input }}", next: null }])

  it.effect("P-27: a task is found by its name and recorded, a replay does not repeat it, and an unknown name is an error", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const parts = {
        tasks: handlers({
          summarize: (input) => Effect.as(log.add(`summarize ${JSON.stringify(input)}`), `summary: ${input}`)
        })
      }
      const first = yield* serve(world, parts)
      const document = contract([
        { id: "delegate", kind: "task", task: "summarize", input: "{{ input }}", next: "pause" },
        { id: "pause", kind: "wait", event: "go.on", next: "end" },
        { id: "end", kind: "transform", set: { summary: "{{ steps.delegate.output }}" }, next: null }
      ])
      const id = yield* run(first, document, { input: "a bug" })
      const second = yield* serveAgain(world, first, parts)
      yield* second.events.emit("go.on", null)
      yield* second.settled
      assert.deepStrictEqual((yield* second.runs.show(id)).output, { summary: "summary: a bug" })
      assert.deepStrictEqual(log.entries, ["summarize \"a bug\""])
      const unknown = yield* run(second, { ...delegating("summarise"), id: "unknown" }, { input: "a bug" })
      const shown = yield* second.runs.show(unknown)
      assert.strictEqual(shown.status, "queued", "it waits for a process that knows the task")
      yield* second.use(Effect.flatMap(Engine, ({ adopt }) => adopt(unknown, { evenIfUnserved: true })))
      yield* second.settled
      assert.include(
        (yield* second.runs.show(unknown)).error?.message,
        "There is no task \"summarise\" here; known are \"summarize\""
      )
      assert.lengthOf(log.entries, 1)
    }))

  it.effect("P-28: of two registries with the same name the nearest is asked, and the other for what only it knows", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const registry = (name: string, tasks: ReadonlyArray<string>) =>
        Effect.map(
          Layer.build(
            handlers(Object.fromEntries(tasks.map((task) => [task, () => Effect.succeed(`${name} ${task}`)])))
          ),
          (context) => Context.get(context, TaskRuntime)
        )
      const near = yield* registry("near", ["summarize"])
      const far = yield* registry("far", ["summarize", "translate"])
      const outputs = Effect.fnUntraced(function*(...registries: ReadonlyArray<TaskRuntime["Service"]>) {
        const host = yield* serve(world, { tasks: Layer.succeed(TaskRuntime, TaskRuntime.firstOf(...registries)) })
        const ended: Array<unknown> = []
        for (const task of ["summarize", "translate"]) {
          ended.push((yield* host.runs.show(yield* run(host, { ...delegating(task), id: task }))).output)
        }
        yield* host.kill
        yield* world.adjustHost(10_001)
        return ended
      })
      assert.deepStrictEqual(yield* outputs(near, far), ["near summarize", "far translate"])
      assert.deepStrictEqual(yield* outputs(far, near), ["far summarize", "far translate"])
    }).pipe(Effect.scoped))

  it.effect("P-30: process_issue delegates to summarize, and the second time on one store nothing is executed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Summarize = Workflow.make("summarize", {
        payload: { text: Schema.String },
        success: Schema.String,
        idempotencyKey: ({ text }) => text
      })
      const ProcessIssue = Workflow.make("process_issue", {
        payload: { taskId: Schema.String, text: Schema.String },
        success: Schema.Struct({ taskId: Schema.String, summary: Schema.String }),
        idempotencyKey: ({ taskId }) => taskId
      })
      const layer = Layer.merge(
        Summarize.toLayer(({ text }) => Effect.map(echo(log, "worker")(text), (text) => `summary: ${text}`)),
        ProcessIssue.toLayer(Effect.fnUntraced(function*({ taskId, text }) {
          yield* log.add("process_issue")
          return { taskId, summary: yield* Summarize.execute({ text }) }
        }))
      )
      const expected = { taskId: "issue-123", summary: "summary: it is broken" }
      const issue = { taskId: "issue-123", text: "it is broken" }
      const first = yield* world.start(layer)
      assert.deepStrictEqual(yield* first.use(ProcessIssue.execute(issue)), expected)
      assert.deepStrictEqual(log.entries, ["process_issue", "worker it is broken"])
      const second = yield* world.restart(first, layer)
      assert.deepStrictEqual(yield* second.use(ProcessIssue.execute(issue)), expected)
      assert.deepStrictEqual(log.entries, ["process_issue", "worker it is broken"])
      const parent = yield* ProcessIssue.executionId(issue)
      const [child] = only(yield* world.journal(parent), "ChildStarted")
      assert.include(yield* world.run(child!.child), { workflow: "summarize", parent, status: "completed" })
    }))
})

class Database extends Context.Service<Database, {
  readonly load: (id: string) => Effect.Effect<string>
}>()("parity/Database") {
  /** Logs that it is built, and every load. */
  static readonly layer = (log: Log): Layer.Layer<Database> =>
    Layer.effect(
      Database,
      Effect.as(log.add("dependency"), { load: (id) => Effect.as(log.add(`load ${id}`), `${id} from the database`) })
    )
}

/** A step that builds its dependency each time that its body runs. */
const load = (log: Log) =>
  Step.make("load", {
    input: Schema.String,
    success: Schema.String,
    onCrash: "rerun",
    run: (id) => Effect.provide(Database.use(({ load }) => load(id)), Layer.fresh(Database.layer(log)))
  })
