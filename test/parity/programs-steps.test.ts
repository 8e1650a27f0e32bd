import { assert, describe, it } from "@effect/vitest"
import { Llm } from "@fermata/contracts/Llm"
import { type TaskReply, type TaskRequest, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { RunView } from "@fermata/core"
import { Signal, Step } from "@fermata/engine"
import { CrashHost } from "@fermata/testing"
import { Cause, Deferred, Effect, Exit, Layer, Schema } from "effect"
import {
  assertOutput,
  begin,
  complete,
  contract,
  Declined,
  define,
  echo,
  exitOf,
  giveWay,
  handlers,
  hear,
  Log,
  only,
  pass,
  run,
  serve,
  serveAgain
} from "./support.ts"

const W = define("W")

describe("step configuration", () => {
  it.effect("P-11: a step that configures nothing runs here, once, without a limit of time, a label or a second attempt", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = yield* Deferred.make<void>()
      const plain = Step.make("plain", {
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("plain"), Deferred.await(gate))
      })
      const failing = Step.make("failing", {
        error: Declined,
        onCrash: "rerun",
        run: (_, { attempt }) => Effect.andThen(log.add(`failing ${attempt}`), new Declined({ reason: "no" }))
      })
      const host = yield* world.start(W.toLayer(() => Effect.andThen(plain(), failing())))
      const id = yield* begin(host, W)
      yield* pass(host, "20 minutes")
      assert.strictEqual((yield* world.run(id)).status, "running", "no timeout has ended it")
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.fail(new Declined({ reason: "no" })))
      yield* pass(host, "1 day")
      assert.deepStrictEqual(log.entries, ["plain", "failing 1"])
      assert.deepStrictEqual(yield* world.story(id), [
        "RunRequested",
        "StepRequested plain",
        "StepCompleted plain",
        "StepRequested failing",
        "StepFailed failing",
        "RunFailed"
      ])
      for (const requested of only(yield* world.journal(id), "StepRequested")) {
        assert.notProperty(requested, "label")
        assert.notProperty(requested, "input")
      }
    }))

  it.effect("P-12: a limit of one call holds for that call, and the next has the step's own again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const slow = Step.make("slow", { onCrash: "rerun", timeout: "1 second", run: () => Effect.never })
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* slow().pipe(Effect.timeoutOrElse({ duration: "50 millis", orElse: () => log.add("first is late") }))
        yield* slow().pipe(Effect.catchDefect((defect) => log.add(`second: ${String(defect)}`)))
      })))
      yield* begin(host, W)
      yield* pass(host, "49 millis")
      assert.deepStrictEqual(log.entries, [])
      yield* pass(host, "1 millis")
      assert.deepStrictEqual(log.entries, ["first is late"])
      yield* pass(host, "999 millis")
      assert.deepStrictEqual(log.entries, ["first is late"])
      yield* pass(host, "1 millis")
      assert.lengthOf(log.entries, 2)
      assert.include(log.entries[1], "took longer than its timeout of 1000 ms")
    }))

  it.effect("P-13: what is done is never asked for again, what must be resolved outside suspends, what is remote goes to the runner, the rest runs here", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const parts = {
        tasks: runner(log, ["remote", "durable"], handlers({ local: () => Effect.as(log.add("local"), "here") }))
      }
      const document = contract([
        { id: "durable", kind: "task", task: "durable", input: 1, next: "remote" },
        { id: "remote", kind: "task", task: "remote", input: 2, next: "local" },
        { id: "local", kind: "task", task: "local", next: "hold" },
        { id: "hold", kind: "wait", event: "go.on", next: "all" },
        {
          id: "all",
          kind: "transform",
          set: { outputs: ["{{ steps.durable.output }}", "{{ steps.remote.output }}", "{{ steps.local.output }}"] },
          next: null
        }
      ])
      const first = yield* serve(world, parts)
      const id = yield* run(first, document)
      assert.deepStrictEqual(log.entries, ["runner durable 1"])
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })

      const second = yield* serveAgain(world, first, parts)
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["runner durable 1"], "it waits, and is not handed over again")
      yield* complete(second, id, "durable", "one")
      assert.deepStrictEqual(log.entries, ["runner durable 1", "runner remote 2"])
      yield* complete(second, id, "remote", "two")
      assert.deepStrictEqual(log.entries, ["runner durable 1", "runner remote 2", "local"])

      const third = yield* serveAgain(world, second, parts)
      yield* third.events.emit("go.on", null)
      yield* third.settled
      assert.deepStrictEqual((yield* third.runs.show(id)).output, { outputs: ["one", "two", "here"] })
      assert.deepStrictEqual(log.entries, ["runner durable 1", "runner remote 2", "local"])
    }))

  it.effect("P-14: a step that is resolved from outside suspends the run, and the next process goes on with the value", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Resolved = Signal.make("resolved", { schema: Schema.Int })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* log.add("body")
        yield* echo(log)("before")
        const value = yield* Signal.receive(Resolved)
        return value + 1
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      assert.deepStrictEqual(yield* world.waits(id), [{ reason: "signal", key: "resolved" }])
      yield* first.kill
      yield* world.tell(id, "signal", { name: "resolved", payload: 41 })
      const second = yield* world.restart(first, layer)
      yield* assertOutput(second, W, id, 42)
      assert.deepStrictEqual(log.entries, ["body", "echo before", "body"])
    }))

  it.effect("P-15: a remote step asks the runner once, with its name and input, its result is journaled, and a replay does not ask", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const asked: Array<TaskRequest> = []
      const parts = {
        tasks: Layer.succeed(TaskRuntime, {
          tasks: ["translate"],
          submit: (request) =>
            Effect.sync((): TaskReply => (asked.push(request), { _tag: "Done", output: { routed: request.task } }))
        })
      }
      const first = yield* serve(world, parts)
      const id = yield* run(
        first,
        contract([
          { id: "far", kind: "task", task: "translate", input: { text: "{{ input.text }}" }, next: "hold" },
          { id: "hold", kind: "wait", event: "go.on", next: null }
        ]),
        { input: { text: "hello" } }
      )
      assert.lengthOf(asked, 1)
      assert.deepInclude(asked[0], {
        task: "translate",
        input: { text: "hello" },
        runId: id,
        stepId: "far",
        attempt: 1
      })
      assert.deepInclude(only(yield* world.journal(id), "StepCompleted")[0], {
        key: "far",
        output: { routed: "translate" }
      })
      const second = yield* serveAgain(world, first, parts)
      yield* second.events.emit("go.on", null)
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.lengthOf(asked, 1)
    }))

  it.effect("P-16: the label of a step stands in its journal and in the view of its run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const ask = Step.make("ask", {
        success: Schema.String,
        onCrash: "rerun",
        label: "llm",
        run: () => Effect.succeed("hello")
      })
      const host = yield* world.start(W.toLayer(() => ask()))
      const id = yield* begin(host, W)
      const entries = yield* world.journal(id)
      assert.strictEqual(only(entries, "StepRequested")[0]!.label, "llm")
      assert.strictEqual(RunView.of(id, entries).steps[0]!.label, "llm")
    }))

  it.effect("P-17: a step that waits for ever is refused at its limit, and its abort signal fires", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const forever = Step.make("forever", {
        onCrash: "rerun",
        timeout: "1 second",
        run: () =>
          Effect.promise<void>((signal) =>
            new Promise(() => signal.addEventListener("abort", () => log.entries.push("aborted"), { once: true }))
          )
      })
      const host = yield* world.start(W.toLayer(() => forever()))
      const id = yield* begin(host, W)
      yield* pass(host, "999 millis")
      assert.deepStrictEqual(log.entries, [])
      assert.isUndefined(yield* exitOf(host, W, id))
      yield* pass(host, "1 millis")
      assert.deepStrictEqual(log.entries, ["aborted"])
      const exit = yield* exitOf(host, W, id)
      assert.include(
        Exit.isFailure(exit!) ? String(Cause.squash(exit.cause)) : "",
        "took longer than its timeout of 1000 ms"
      )
    }))

  it.effect("P-18: the end of a step's time stops its work, whether it watches for that or not", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const ignoring = Step.make("ignoring", {
        onCrash: "rerun",
        timeout: "1 second",
        run: () => Effect.forever(Effect.andThen(Effect.sleep("300 millis"), log.add("ignoring works")))
      })
      const observing = Step.make("observing", {
        onCrash: "rerun",
        timeout: "1 second",
        run: () =>
          Effect.forever(Effect.andThen(Effect.sleep("300 millis"), log.add("observing works"))).pipe(
            Effect.onInterrupt(() => log.add("observing stops"))
          )
      })
      const host = yield* world.start(W.toLayer(() => Effect.all([ignoring(), observing()], { concurrency: 2 })))
      yield* begin(host, W)
      for (let third = 0; third < 4; third++) yield* pass(host, "250 millis")
      const works = ["ignoring works", "observing works"]
      const expected = { ignoring: 3, observing: 3, stops: 1 }
      const counts = () => ({
        ignoring: log.count(works[0]!),
        observing: log.count(works[1]!),
        stops: log.count("observing stops")
      })
      assert.deepStrictEqual(counts(), expected)
      yield* pass(host, "10 minutes")
      assert.deepStrictEqual(counts(), expected, "nobody works on")
    }))

  it.effect("P-18: work that nothing stops is let go at the end of its step's time, and its rule for crashes says what comes next", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const deaf = Step.make("deaf", {
        onCrash: "ask",
        timeout: "1 second",
        run: () => Effect.uninterruptible(Effect.andThen(Effect.sleep("5 seconds"), log.add("it ends")))
      })
      const host = yield* world.start(W.toLayer(() => deaf()))
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      yield* pass(host, "1 second")
      assert.deepInclude((yield* world.waits(id))[0], { reason: "outcome-unknown", key: "deaf" })
      assert.isEmpty(log.entries)
      yield* pass(host, "4 seconds")
      assert.deepStrictEqual(log.entries, ["it ends"])
      assert.strictEqual((yield* world.run(id)).status, "suspended")
    }))

  it.effect("P-19: the work of a model is told before the record of its outcome, and a remote result goes straight to the journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let stored: ReadonlyArray<string> = []
      const watching = Layer.succeed(Llm, {
        invoke: () =>
          Effect.gen(function*() {
            const [row] = yield* Effect.orDie(world.backend.runs({ limit: 1 }))
            stored = yield* world.story(row!.id)
            return { text: "a summary", model: "fake", usage: { inputTokens: 3, outputTokens: 2 } }
          })
      })
      const host = yield* serve(world, { llm: watching, tasks: runner(log, ["remote"]) })
      const heard = yield* hear(host)
      const id = yield* run(
        host,
        contract([
          { id: "think", kind: "llm", prompt: "sum it up", next: "far" },
          { id: "far", kind: "task", task: "remote", next: null }
        ])
      )
      yield* complete(host, id, "far", "done")
      yield* giveWay()
      assert.deepStrictEqual(
        stored,
        ["RunRequested", "StepRequested think"],
        "the request was in the store before the model was called"
      )
      assert.deepStrictEqual(yield* world.story(id), [
        "RunRequested",
        "StepRequested think",
        "Note",
        "StepCompleted think",
        "StepRequested far",
        "StepCompleted far",
        "SignalReceived step:far",
        "RunCompleted"
      ])
      const [usage] = only(yield* world.journal(id), "Note")
      assert.deepInclude(usage, {
        kind: "usage",
        text: "think",
        data: { model: "fake", inputTokens: 3, outputTokens: 2 }
      })
      assert.deepStrictEqual(
        heard.filter(({ name }) => name.startsWith("engine.step")).map(({ name, payload }) => [name, payload.stepId]),
        [
          ["engine.step.requested", "think"],
          ["engine.step.completed", "think"],
          ["engine.step.requested", "far"],
          ["engine.step.completed", "far"]
        ]
      )
      assert.deepStrictEqual(log.entries, ["runner remote null"], "nobody did it here")
    }))
})

/** A runtime that takes these tasks and hands them over, and leaves the others to the next. */
const runner = (log: Log, tasks: ReadonlyArray<string>, next: Layer.Layer<TaskRuntime> = TaskRuntime.layerNone) =>
  Layer.effect(
    TaskRuntime,
    Effect.map(TaskRuntime, (here) =>
      TaskRuntime.firstOf({
        tasks,
        submit: ({ input, task }) =>
          Effect.as(log.add(`runner ${task} ${JSON.stringify(input)}`), { _tag: "Submitted" } satisfies TaskReply)
      }, here))
  ).pipe(Layer.provide(next))
