/**
 * One law for everything that is handed over to be stored: what can be stored
 * is, and looks the same to everybody, at once and after a restart; what cannot
 * be is refused to the one who gave it, and nothing else is touched.
 */
import { assert, describe, it } from "@effect/vitest"
import { StoredJson } from "@fermata/core"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Layer, Logger, Result, Schema } from "effect"
import { Activity, DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"
import * as fc from "fast-check"
import * as Approval from "../src/Approval.ts"
import { Engine } from "../src/Engine.ts"
import { Events } from "../src/Events.ts"
import * as Runs from "../src/Runs.ts"
import * as RunState from "../src/RunState.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import * as OddValues from "./support/OddValues.ts"
import { assertOutput, begin, define, echo, exitOf, Log, pass } from "./support/Program.ts"

const samples = 10
const quiet = Effect.provide(Logger.layer([]))
const Go = Signal.make("go")
const go = { name: "go", payload: null }
const Told = Signal.make("told", { schema: Schema.Any })
const W = define("W", { success: Schema.Any, error: Schema.Any })
const Good = define("Good")
const Other = Workflow.make("Other", {
  payload: { id: Schema.String, value: Schema.optional(Schema.Any) },
  success: Schema.Any,
  idempotencyKey: ({ id }) => id
})
const Done = DurableDeferred.make("done", { success: Schema.Any })
const Plan = RunState.make("plan", { schema: Schema.Any, initial: null })

/** What is stored of a value, if it can be. */
const storedOf = (value: unknown): { readonly json: unknown } | undefined => {
  const stored = StoredJson.of(value)
  return Result.isSuccess(stored) ? { json: stored.success.read() } : undefined
}

/** Looks may last longer than the value looked at, and nobody may change them. */
type See = (seen: unknown) => void

/** Hands a value over in the body of a workflow, and shows what comes back of it. */
type HandOver = (
  value: unknown,
  see: See
) => Effect.Effect<
  unknown,
  unknown,
  Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance | Events
>

const inBody: Readonly<Record<string, HandOver>> = {
  "the input of a step": (value) =>
    Step.make("take", {
      input: Schema.Any,
      success: Schema.Any,
      onCrash: "rerun",
      run: (given) => Effect.succeed(given)
    })(value),
  "the outcome of a step": (value, see) =>
    Effect.map(Step.make("give", { success: Schema.Any, onCrash: "rerun", run: () => Effect.succeed(value) })(), see),
  "the outcome of a step under a key": (value, see) => {
    const step = Step.make("give", {
      input: Schema.String,
      key: (key) => key,
      success: Schema.Any,
      onCrash: "rerun",
      run: () => Effect.succeed(value)
    })
    return Effect.andThen(Effect.map(step("a"), see), Effect.map(step("a"), see))
  },
  "the error of a step": (value, see) =>
    Effect.catch(
      Step.make("fail", { error: Schema.Any, onCrash: "rerun", run: () => Effect.fail(value) })(),
      (error) => Effect.sync(() => see(error))
    ),
  "a part of an outcome": (value, see) =>
    Effect.map(
      Step.make("part", {
        success: Schema.Struct({ at: Schema.Date, data: Schema.Any }),
        onCrash: "rerun",
        run: () => Effect.succeed({ at: new Date(5), data: value })
      })(),
      ({ at, data }) => {
        assert.deepStrictEqual(at, new Date(5))
        see(data)
      }
    ),
  "the outcome of an activity": (value, see) =>
    Effect.map(
      Activity.make({ name: "act", success: Schema.Any, execute: Effect.suspend(() => Effect.succeed(value)) }),
      see
    ),
  "the completion of a deferred": (value, see) =>
    Effect.gen(function*() {
      const token = yield* DurableDeferred.token(Done)
      yield* DurableDeferred.succeed(Done, { token, value })
      see(yield* DurableDeferred.await(Done))
    }),
  "the completion of a deferred by a step": (value, see) =>
    Effect.gen(function*() {
      const token = yield* DurableDeferred.token(Done)
      const exit = yield* Step.make("complete", {
        success: Schema.String,
        onCrash: "rerun",
        run: () =>
          Effect.map(
            Effect.exit(DurableDeferred.succeed(Done, { token, value })),
            (exit) => Exit.isFailure(exit) ? messageOf(exit) : ""
          )
      })()
      if (exit !== "") return yield* Effect.die(new Error(exit))
      see(yield* DurableDeferred.await(Done))
    }),
  "a document": (value, see) => Effect.map(RunState.update(Plan, () => value), (snapshot) => see(snapshot.value)),
  "a patch of a document": (value, see) =>
    Effect.map(RunState.patch(Plan, [{ op: "add", path: "", value }]), (snapshot) => see(snapshot.value)),
  "a decision": (value, see) => Effect.map(Workflows.decide("which", Schema.Any, () => value), see),
  "the arguments of an approval": (value, see) =>
    Effect.map(
      Approval.ask("ok", {
        prompt: "?",
        approvers: ["ann"],
        args: { schema: Schema.Any, value },
        deadline: "1 second",
        onTimeout: "approve"
      }),
      ({ args }) => see(args)
    ),
  "an event": (value, see) =>
    Effect.gen(function*() {
      const events = yield* Events
      yield* events.emit("told", value as Schema.Json, { id: "e" })
      see("emitted")
    }),
  "a signal to another run": (value) => Signal.send(Told, { runId: "nobody", payload: value }),
  "the payload of a child": (value, see) => Effect.map(Other.execute({ id: "c", value }), see)
}

/** What the value is only a part of. */
const whole: Readonly<Record<string, (value: unknown) => unknown>> = {
  "a part of an outcome": (value) => ({ at: "", data: value }),
  "the payload of a child": (value) => ({ id: "c", value })
}

/** Hand-overs in which nothing is asked of the value but that it comes to something. */
const blind = new Set(["a signal to another run"])

const messageOf = (exit: Exit.Failure<unknown, unknown>): string => {
  const error = Cause.squash(exit.cause)
  return error instanceof Error ? error.message : `something else: ${StoredJson.show(error)}`
}

/** What a look was at, apart from whoever changes it later. */
const kept = (seen: unknown): string => seen === undefined ? "undefined" : JSON.stringify(seen)

/** A value as everybody sees it: nothing is null where a document or a call takes nothing for null. */
const textOf = (json: unknown): string => JSON.stringify(json)

const scribble = (seen: unknown): void => {
  if (Array.isArray(seen)) seen.push("scribbled")
  else if (typeof seen === "object" && seen !== null) Object.assign(seen, { scribbled: true })
}

describe("what is handed over in the body of a workflow", () => {
  for (const [what, handOver] of Object.entries(inBody)) {
    it.effect(
      `S1, S17: ${what} is stored as it is seen by everybody, or is refused and stops nobody else`,
      () =>
        Effect.gen(function*() {
          const law = Effect.fnUntraced(function*(value: unknown) {
            const log = new Log()
            const passes: Array<Array<string>> = []
            const layer = Layer.mergeAll(
              W.toLayer(() =>
                Effect.gen(function*() {
                  const pass: Array<string> = []
                  passes.push(pass)
                  const exit = yield* Effect.exit(handOver(value, (seen) => {
                    pass.push(kept(seen))
                    scribble(seen)
                  }))
                  yield* echo(log)("on")
                  yield* Signal.receive(Go)
                  return Exit.isFailure(exit)
                    ? { refused: messageOf(exit) }
                    : what === "the input of a step"
                    ? { seen: kept(exit.value) }
                    : {}
                })
              ),
              Good.toLayer(() => echo(log, "good")("good")),
              Other.toLayer(({ value }) => Effect.succeed(value))
            ).pipe(Layer.provideMerge(Events.layer))
            const world = yield* CrashHost.make
            const first = yield* world.start(layer)
            const id = yield* begin(first, W)
            const good = yield* begin(first, Good)
            yield* assertOutput(first, Good, good, "good")
            if (what === "the arguments of an approval") yield* pass(first, "2 seconds")
            const second = yield* world.restart(first, layer)
            yield* second.settled
            yield* world.tell(id, "signal", go)
            const exit = yield* exitOf(second, W, id)
            if (exit === undefined || Exit.isFailure(exit)) {
              return assert.fail(`the run did not complete: ${String(exit)}`)
            }
            const end = exit.value as { readonly refused?: string; readonly seen?: string }
            const stored = storedOf(value)
            if (value === undefined) {
              // What is not there is not read back where the schema wants it.
              assert.strictEqual(end.refused !== undefined, what === "a part of an outcome")
            } else if (stored === undefined || storedOf(whole[what]?.(value) ?? value) === undefined) {
              assert.match(
                end.refused ?? "it was taken",
                /cannot be stored|is refused|cannot be published|can only throw/
              )
              assert.isTrue(passes.every((pass) => pass.length === 0))
            } else {
              assert.isUndefined(end.refused)
              const looks = passes[0]!
              if (!blind.has(what) && what !== "the input of a step") assert.isAbove(looks.length, 0)
              for (const look of looks) {
                assert.strictEqual(look, what === "an event" ? `"emitted"` : textOf(stored.json))
              }
              if (what === "the input of a step") {
                assert.strictEqual(end.seen, textOf(stored.json))
              }
            }
            assert.isAbove(passes.length, 1)
            for (const pass of passes) assert.deepStrictEqual(pass, passes[0])
            // What is recorded is JSON that this build reads, and nothing in it was changed by those who looked.
            const rows = yield* world.rows(id)
            for (const row of rows) if (!row.includes("echo")) assert.notInclude(row, "scribbled")
            assert.strictEqual((yield* world.journal(id)).length, rows.length)
          })
          for (const [, value] of OddValues.nasty) if (!isForOther(what, value)) yield* law(value)
          for (const value of fc.sample(OddValues.anything, samples)) if (!isForOther(what, value)) yield* law(value)
        }).pipe(quiet)
    )
  }
})

/** An event carries JSON, so nothing is no payload of one; a patch without its value is none. */
const isForOther = (what: string, value: unknown): boolean =>
  value === undefined && (what === "an event" || what === "a patch of a document")

/** Hands a value over from outside of runs. What comes of it is the output of this run. */
type FromOutside = (scene: {
  readonly world: CrashHost.MemoryWorld
  readonly host: CrashHost.Host
  readonly runs: Runs.Runs["Service"]
  /** A run that stands where the value is wanted. */
  readonly run: string
}, value: unknown) => Effect.Effect<string | undefined, unknown>

interface Outside {
  readonly layer: CrashHost.World["start"] extends (workflows: infer L, ...rest: never) => unknown ? L : never
  /** The process of the run dies before the value comes. */
  readonly dies?: boolean
  readonly hand: FromOutside
}

const stuckOnce = Step.make("pay", { success: Schema.Any, onCrash: "ask", run: () => Effect.never })

const outside: Readonly<Record<string, Outside>> = {
  "the payload of a start": {
    layer: Other.toLayer(({ value }) => Effect.succeed(value)),
    hand: ({ runs }, value) => Effect.map(runs.start("Other", { id: "9", value }), ({ runId }) => runId)
  },
  "the payload of a start by code": {
    layer: Other.toLayer(({ value }) => Effect.succeed(value)),
    hand: ({ host }, value) => host.use(Other.execute({ id: "9", value }, { discard: true }))
  },
  "a signal": {
    layer: W.toLayer(() => Signal.receive(Told)),
    hand: ({ run, runs }, value) => Effect.as(runs.signal(run, "told", value), run)
  },
  "a signal by code": {
    layer: W.toLayer(() => Signal.receive(Told)),
    hand: ({ host, run }, value) => Effect.as(host.use(Signal.send(Told, { runId: run, payload: value })), run)
  },
  "the completion of a deferred by code": {
    layer: W.toLayer(() => DurableDeferred.await(Done)),
    hand: ({ host, run }, value) =>
      Effect.as(
        host.use(
          DurableDeferred.succeed(Done, {
            token: DurableDeferred.tokenFromExecutionId(Done, { workflow: W, executionId: run }),
            value
          })
        ),
        run
      )
  },
  "an edit of arguments": {
    layer: W.toLayer(() =>
      Effect.map(
        Approval.ask("ok", {
          prompt: "?",
          approvers: ["ann"],
          args: { schema: Schema.Any, value: null, editable: true }
        }),
        ({ args }) => args
      )
    ),
    hand: ({ run, runs }, value) => Effect.as(runs.answer(run, { decision: "approve", by: "ann", edit: value }), run)
  },
  "an output that an operator declares": {
    layer: W.toLayer(() => stuckOnce()),
    dies: true,
    hand: ({ run, runs }, value) =>
      Effect.as(runs.settle(run, "pay", { by: "ada", action: { _tag: "complete", output: value } }), run)
  },
  "an output that a fork sets": {
    layer: W.toLayer(() =>
      Effect.gen(function*() {
        const given = yield* Step.make("a", { success: Schema.Any, onCrash: "rerun", run: () => Effect.succeed(1) })()
        yield* Step.make("b", { onCrash: "rerun", run: () => Effect.void })()
        return given
      })
    ),
    hand: ({ run, runs }, value) => Effect.map(runs.fork(run, { at: "b", set: { a: value } }), ({ runId }) => runId)
  },
  "the input of a fork": {
    layer: Other.toLayer(({ value }) =>
      Effect.as(Step.make("b", { onCrash: "rerun", run: () => Effect.void })(), value)
    ),
    hand: ({ host, runs }, value) =>
      Effect.gen(function*() {
        const run = yield* host.use(Other.execute({ id: "1" }, { discard: true }))
        yield* host.settled
        return (yield* runs.fork(run, { at: "b", input: { id: "1", value } })).runId
      })
  },
  "an event": {
    layer: W.toLayer(() => Signal.receive(Go)),
    hand: ({ host }, value) =>
      Effect.as(
        host.use(Effect.provide(
          Effect.flatMap(Events, (events) => events.emit("told", value as Schema.Json)),
          Events.layer
        )),
        undefined
      )
  }
}

/** What the value is only a part of. */
const around: Readonly<Record<string, (value: unknown) => unknown>> = {
  "the payload of a start": (value) => ({ value }),
  "the payload of a start by code": (value) => ({ value }),
  "the input of a fork": (value) => ({ value })
}

const picture = ({ store }: CrashHost.MemoryWorld) =>
  JSON.stringify(
    [store.runs, store.inbox, store.early, store.outbox, store.blobs].map((rows: ReadonlyMap<string, unknown>) =>
      Array.from(rows)
    )
  )

describe("what is handed over from outside", () => {
  for (const [what, { dies, hand, layer }] of Object.entries(outside)) {
    it.effect(
      `S3, S17: ${what} is what the run gets of it, or is refused to the caller and nothing is stored`,
      () =>
        Effect.gen(function*() {
          const law = Effect.fnUntraced(function*(value: unknown) {
            const world = yield* CrashHost.make
            const first = yield* world.start(layer)
            const run = what.startsWith("the payload of a start") || what === "the input of a fork"
              ? ""
              : yield* begin(first, W)
            const host = dies === true ? yield* world.restart(first, layer) : first
            yield* host.settled
            const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
            if (what === "the input of a fork") {
              yield* Effect.andThen(host.use(Other.execute({ id: "1" }, { discard: true })), host.settled)
            }
            const before = picture(world)
            const exit = yield* Effect.exit(hand({ world, host, runs, run }, value))
            yield* host.settled
            const stored = storedOf(value)
            if (
              value !== undefined && (stored === undefined || storedOf(around[what]?.(value) ?? value) === undefined)
            ) {
              if (Exit.isSuccess(exit)) {
                return assert.fail(`it was taken: ${kept(stored)}`)
              }
              assert.match(messageOf(exit), /cannot be stored|cannot be published|can only throw|does not fit/)
              return assert.strictEqual(picture(world), before)
            }
            // Nothing is not an event, and not an output that somebody sets.
            if (Exit.isFailure(exit)) return assert.isUndefined(value, messageOf(exit))
            if (exit.value === undefined) return
            const end = (yield* world.journal(exit.value)).at(-1)
            if (end?._tag !== "RunCompleted") return assert.fail(`the run did not complete: ${String(end?._tag)}`)
            assert.strictEqual(kept(end.output ?? null), kept(stored?.json ?? null))
          })
          for (const [, value] of OddValues.nasty) yield* law(value)
          for (const value of fc.sample(OddValues.anything, samples)) yield* law(value)
        }).pipe(quiet)
    )
  }
})
