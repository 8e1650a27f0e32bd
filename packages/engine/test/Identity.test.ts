import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger, Schema } from "effect"
import { DurableDeferred, Workflow } from "effect/workflow"
import * as fc from "fast-check"
import * as Approval from "../src/Approval.ts"
import { runId } from "../src/internal/Identity.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, Log, pass } from "./support/Program.ts"

/** Texts that most encoders to bytes make the same, or that look like the form of another. */
const odd = [
  "Ada \ud83d",
  "Ada \ud83e",
  "Ada \ufffd",
  "\ude00",
  "\udc00",
  "a",
  "a\u0000",
  "a\u0000b",
  "",
  "~",
  "~2",
  "/",
  "a/b",
  "%",
  "%ED%A0%BD",
  "\uFDD0\uFDD1",
  "\uFDD0\uFDD1Ada \uFDD0d83d",
  "\uFDD0\uFDD1=",
  "x".repeat(100_000),
  `${"x".repeat(100_000)}\ud83d`
]

const Greet = Workflow.make("greet", {
  payload: { name: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ name }) => name.slice(0, 5)
})

const Go = Signal.make("go", { schema: Schema.String })

describe("different keys are different runs", () => {
  it.effect("S3: names that were cut inside a character start runs of their own, each with its own result", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Greet.toLayer(({ name }) => Effect.succeed(name)))
      for (const name of ["Ada 😀", "Ada 🤖", "Ada \ufffd"]) {
        const id = yield* host.use(Greet.execute({ name }, { discard: true }))
        assert.strictEqual(yield* host.use(Greet.execute({ name })), name)
        assert.strictEqual(yield* Greet.executionId({ name }), id, "whoever asks for the id gets that of the run")
        assert.isNotNull(yield* world.run(id))
      }
      assert.strictEqual(world.store.runs.size, 3)
    }))

  it.effect("the id is the same by the program, by its name and by a process that has not registered it", () =>
    Effect.gen(function*() {
      const make = () =>
        Workflow.make("greet", {
          payload: { name: Schema.String },
          success: Schema.String,
          idempotencyKey: ({ name }) => name.slice(0, 5)
        })
      const world = yield* CrashHost.make
      const served = make()
      const host = yield* world.start(served.toLayer(({ name }) => Effect.succeed(name)))
      const client = yield* world.start(Layer.empty)
      const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      for (const name of ["Ada 😀", "Ada 🤖", "Ada", ""]) {
        const { runId: id } = yield* runs.start("greet", { name })
        assert.strictEqual(yield* served.executionId({ name }), id)
        assert.strictEqual(yield* host.use(served.execute({ name }, { discard: true })), id)
        assert.strictEqual(yield* client.use(make().execute({ name }, { discard: true })), id)
        assert.strictEqual(
          yield* client.use(make().annotate(Workflow.SuspendOnFailure, true).execute({ name }, { discard: true })),
          id
        )
        assert.deepStrictEqual(yield* runs.start("greet", { name: "else" }, { key: name.slice(0, 5) || "Ada" }), {
          runId: name === "" ? yield* runId("greet", "Ada") : id,
          joined: true,
          otherInput: true
        })
      }
    }))

  it.effect("ids of runs whose keys are whole stay what effect/workflow makes of them", () =>
    Effect.gen(function*() {
      const keyed = Workflow.make("greet", { payload: { key: Schema.String }, idempotencyKey: ({ key }) => key })
      const whole = odd.filter((key) => key.isWellFormed() && !key.startsWith("\uFDD0\uFDD1"))
      assert.isAbove(whole.length, 8)
      for (const key of whole) assert.strictEqual(yield* runId("greet", key), yield* keyed.executionId({ key }))
      assert.strictEqual(yield* runId("greet", "Ada"), "f3556042f1e24c61da0883d7264b698e")
    }))

  it.effect("all odd keys, and names of workflows, have ids of their own", () =>
    Effect.gen(function*() {
      const ids = yield* Effect.forEach(odd, (key) => runId("greet", key))
      const named = yield* Effect.forEach(odd, (name) => runId(name, "k"))
      const both = yield* Effect.forEach(odd, (key) => runId("\ud83d", key))
      assert.strictEqual(new Set([...ids, ...named, ...both]).size, 3 * odd.length)
    }))

  it("no two texts have one id", async () => {
    const text = fc.array(fc.constantFrom("\ud83d", "\ude00", "\uFDD0", "\uFDD1", "d83d", "-", ":", "1", "a"), {
      maxLength: 5
    }).map((parts) => parts.join(""))
    await fc.assert(
      fc.asyncProperty(text, text, text, text, async (name, key, otherName, otherKey) => {
        const same = name === otherName && key === otherKey
        const [a, b] = await Promise.all([
          Effect.runPromise(runId(name, key)),
          Effect.runPromise(runId(otherName, otherKey))
        ])
        assert.strictEqual(a === b, same)
      }),
      { numRuns: 500 }
    )
  })

  it.effect("an empty key is refused, and nothing is stored", () =>
    Effect.gen(function*() {
      const { runs } = yield* withRuns(Order.toLayer(() => Effect.succeed("done")))
      const error = yield* Effect.flip(runs.start("order", { id: "1", lines: 1 }, { key: "" }))
      assert.strictEqual(
        error.message,
        `Workflow "order" cannot be started here: its key is empty; give a text that stands for this run, or no key`
      )
      assert.deepStrictEqual(yield* runs.list(), [])
    }))

  it.effect("a run that is joined with another input says so, whatever the order of its names and however large it is", () =>
    Effect.gen(function*() {
      const { host, runs } = yield* withRuns(Order.toLayer(() => Effect.succeed("done")))
      const large = "x".repeat(100_000)
      const first = yield* runs.start("order", { id: "1", lines: { a: 1, b: large } })
      assert.deepStrictEqual(first, { runId: first.runId, joined: false, otherInput: false })
      yield* host.settled
      const joined = (lines: object) =>
        Effect.map(runs.start("order", { id: "1", lines }), ({ joined, otherInput }) => ({ joined, otherInput }))
      assert.deepStrictEqual(yield* joined({ b: large, a: 1 }), { joined: true, otherInput: false })
      assert.deepStrictEqual(yield* joined({ a: 2, b: large }), { joined: true, otherInput: true })
      assert.deepStrictEqual(yield* joined({ a: 1, b: `${large}!` }), { joined: true, otherInput: true })
    }))

  it.effect("a program that executes a key with another payload gets the run that there is, and a warning is logged", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function*() {
      const Parent = define("parent")
      const { host } = yield* withRuns(Layer.mergeAll(
        Order.toLayer(({ lines }) => Effect.succeed(JSON.stringify(lines))),
        Parent.toLayer(() => Order.execute({ id: "1", lines: "by the parent" }))
      ))
      assert.strictEqual(yield* host.use(Order.execute({ id: "1", lines: 1 })), "1")
      assert.strictEqual(yield* host.use(Order.execute({ id: "1", lines: 1 })), "1")
      assert.deepStrictEqual(logged, [])
      assert.strictEqual(yield* host.use(Order.execute({ id: "1", lines: 2 })), "1")
      const id = yield* Order.executionId({ id: "1", lines: 2 })
      const warning =
        `Warn Workflow "order" was asked for with the key of run ${id} and another input: that run and its input stand`
      assert.deepStrictEqual(logged, [warning])
      const parent = yield* begin(host, Parent)
      yield* assertOutput(host, Parent, parent, "1")
      assert.deepStrictEqual(logged, [warning, warning])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})

describe("different keys are different steps", () => {
  const keyed = (log: Log, name = "note") =>
    Step.make(name, {
      input: Schema.String,
      success: Schema.String,
      key: (text) => text,
      onCrash: "rerun-keyed",
      run: (text, { idempotencyKey }) => Effect.as(log.add(idempotencyKey), text)
    })

  it.effect("S1: any texts may be keys: each step has its own outcome, also after a restart, and its own idempotency key", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const note = keyed(log)
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const before = yield* Effect.forEach(odd, note)
        const go = yield* Signal.receive(Go)
        return [before, yield* Effect.forEach(odd, note), go]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: "\ud83d" })
      yield* second.settled
      yield* assertOutput(second, W, id, [odd, odd, "\ud83d"])
      assert.strictEqual(new Set(log.entries).size, odd.length)
      assert.lengthOf(log.entries, odd.length)
      for (const key of log.entries) assert.match(key, /^[\w.~%!'()*-]+$/)
    }))

  const tell = (log: Log, name: string, key?: string) =>
    Step.make(name, {
      success: Schema.String,
      onCrash: "rerun",
      ...(key === undefined ? {} : { key: () => key }),
      run: () => Effect.as(log.add(`${name} ${key ?? ""}`), `${name} ${key ?? ""}`)
    })

  for (
    const [what, names] of [
      ["a name that looks like a second call", [["a"], ["a"], ["a~2"], ["a~2"], ["a"]]],
      ["a name that looks like a second call comes first", [["a~2"], ["a"], ["a"], ["a~2"], ["a~2~2"]]],
      ["a name that looks like a name with a key", [["a/b"], ["a", "b"], ["a/b"]]],
      ["a name with a key first", [["a", "b"], ["a/b"], ["a/b"], ["a", "b"], ["a", "b~2"]]],
      ["keys with slashes", [["a", "b/c"], ["a/b", "c"], ["a/b/c"], ["a", "b/c"]]],
      ["a name that looks like a key that had to give way", [["a/b"], ["~a/b"], ["a", "b"], ["~~a/b"]]]
    ] as ReadonlyArray<readonly [string, ReadonlyArray<readonly [string, string?]>]>
  ) {
    it.effect(`S1: ${what}: every step has its own outcome, live and replayed`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const W = define("W")
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          const outcomes = yield* Effect.forEach(names, ([name, key]) => tell(log, name, key)())
          yield* Signal.receive(Go)
          return outcomes
        }))
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        const bodies = [...log.entries]
        const second = yield* world.restart(first, layer)
        yield* world.tell(id, "signal", { name: "go", payload: "" })
        yield* second.settled
        yield* assertOutput(second, W, id, names.map(([name, key]) => `${name} ${key ?? ""}`))
        const once =
          new Set(names.flatMap(([name, key], index) => [key === undefined ? `call ${index}` : `${name} ${key}`])).size
        assert.lengthOf(bodies, once)
        assert.deepStrictEqual(log.entries, bodies)
      }))
  }

  it.effect("S1: a question whose name looks like a second question of another name has its own answer, live and replayed", () =>
    Effect.gen(function*() {
      const names = ["a", "a", "a~2", "a~2", "\ud83d", "\ud83e"]
      const world = yield* CrashHost.make
      const W = define("W")
      const layer = W.toLayer(() =>
        Effect.forEach(
          names,
          (name) =>
            Effect.map(Effect.orDie(Approval.ask(name, { prompt: name, approvers: ["ann"] })), ({ note }) => note)
        )
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      let host = first
      for (const index of names.keys()) {
        host = yield* world.restart(host, layer)
        const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
        yield* runs.answer(id, { decision: "approve", by: "ann", note: `${index}` })
        yield* host.settled
      }
      yield* assertOutput(host, W, id, names.map((_, index) => `${index}`))
      const keys = (yield* world.journal(id)).flatMap((entry) => entry._tag === "ApprovalRequested" ? [entry.key] : [])
      assert.deepStrictEqual(keys, ["a", "a~2", "~a~2", "a~2~2", "\ud83d", "\ud83e"])
    }))

  it.effect("S1: a step inside a step whose key looks like one of the workflow has its own outcome", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const outer = Step.make("a", { success: Schema.String, onCrash: "rerun", run: () => tell(log, "b")() })
        const inside = yield* outer()
        const keyed = yield* tell(log, "a", "b")()
        const named = yield* tell(log, "a/b")()
        yield* Effect.sleep("1 day")
        return [inside, keyed, named]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 day")
      yield* assertOutput(second, W, id, ["b ", "a b", "a/b "])
      assert.deepStrictEqual(log.entries, ["b ", "a b", "a/b "])
    }))
})

describe("different ids are different messages", () => {
  it.effect("S3: a signal whose id looks like that of a child's end, or of a deferred, takes no place of theirs", () =>
    Effect.gen(function*() {
      const Child = define("child")
      const Parent = define("parent")
      const Done = DurableDeferred.make("done", { success: Schema.String })
      const layer = Layer.mergeAll(
        Child.toLayer(() => Signal.receive(Go)),
        Parent.toLayer(Effect.fnUntraced(function*() {
          const child = yield* Child.execute({ id: "1" })
          const done = yield* DurableDeferred.await(Done)
          return [child, done, yield* Signal.receive(Go), yield* Signal.receive(Go), yield* Signal.receive(Go)]
        }))
      )
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const parent = yield* begin(first, Parent)
      const child = yield* Child.executionId({ id: "1" })
      yield* first.kill
      // Nobody takes what is in the inbox out of it meanwhile.
      const client = yield* world.start(Layer.empty)
      const runs = yield* client.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      const ids = [`child:${child}`, "deferred:done", "signal:deferred:done"]
      for (const id of ids) {
        assert.strictEqual((yield* runs.signal(parent, "go", id, { id })).result, "accepted")
        assert.strictEqual((yield* runs.signal(parent, "go", id, { id })).result, "duplicate")
      }
      const token = DurableDeferred.tokenFromExecutionId(Done, { workflow: Parent, executionId: parent })
      yield* client.use(DurableDeferred.succeed(Done, { token, value: "done" }))
      yield* runs.signal(child, "go", "from the child")
      const second = yield* world.restart(client, layer)
      yield* second.settled
      yield* assertOutput(second, Parent, parent, ["from the child", "done", ...ids])
      const again = yield* second.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      assert.strictEqual((yield* Effect.flip(again.signal(parent, "go", "", { id: ids[0]! })))._tag, "RunClosed")
    }))
})

const Order = Workflow.make("order", {
  payload: { id: Schema.String, lines: Schema.Unknown },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const withRuns = Effect.fnUntraced(function*<E>(layer: Layer.Layer<never, E, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(layer)
  return { world, host, runs: yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer)) }
})
