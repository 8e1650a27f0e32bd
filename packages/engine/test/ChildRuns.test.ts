import { assert, describe, it } from "@effect/vitest"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as ChildRuns from "../src/ChildRuns.ts"
import type { Engine } from "../src/Engine.ts"
import * as RunStarts from "../src/internal/RunStarts.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import { StartRequest } from "../src/StartRequest.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const cancel = { kind: "cancel", by: "ada", reason: "no longer wanted" } as const

const Caller = define("caller")
const Called = define("called", { success: Schema.String })
const versioned = (version: string) => define("called", { success: Schema.String }).annotate(Workflows.Version, version)

/** Asks for a run by the name of its workflow, as an extension does. */
const resolve = (workflow: string, version?: string) =>
  Step.make("resolve", {
    input: Schema.String,
    success: StartRequest,
    onCrash: "rerun",
    run: (key) => Effect.orDie(ChildRuns.request(workflow, { id: key }, { key, version }))
  })
const call = (key: string, workflow = "called", version?: string) =>
  Effect.flatMap(resolve(workflow, version)(key), ChildRuns.run)

const verbs = <A, E>(host: CrashHost.Host, use: (runs: Runs["Service"]) => Effect.Effect<A, E>) =>
  host.use(Effect.flatMap(Effect.provide(Runs, Runs.layer), use))
/** The runs that were called: what each was asked for as, how it stands, and its id. */
const ends = (world: CrashHost.World) =>
  Effect.gen(function*() {
    const rows = (yield* world.backend.runs({ limit: 10 })).filter(({ workflow }) => workflow === "called")
    const found = yield* Effect.forEach(rows, ({ id, status }) =>
      Effect.map(world.journal(id), ([first]) => {
        assert.strictEqual(first?._tag, "RunRequested")
        return { id, status, name: (first as unknown as { readonly payload: { readonly id: string } }).payload.id }
      }))
    return found.toSorted((a, b) => a.name < b.name ? -1 : 1)
  })
const runsOf = (host: CrashHost.Host, workflow: string) => verbs(host, (runs) => Effect.orDie(runs.list({ workflow })))

describe("ChildRuns", () => {
  it.effect("S11: a run starts another by the name of its workflow, as its child, and is given its end", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(Layer.merge(
        Caller.toLayer(({ id }) => call(id)),
        Called.toLayer(({ id }) => echo(log)(id))
      ))
      const { runId } = yield* verbs(host, (runs) => runs.start("caller", { id: "1" }, { by: "ada" }))
      yield* host.settled
      yield* assertOutput(host, Caller, runId, { _tag: "Success", value: "1" })
      const [child] = yield* runsOf(host, "called")
      assert.include(yield* world.run(child!.id), { parent: runId, root: runId, kind: "program", version: "1" })
      const [requested] = yield* world.journal(child!.id)
      assert.deepInclude(requested, { _tag: "RunRequested", by: "ada", parent: runId, payload: { id: "1" } })
      assert.deepStrictEqual(yield* world.story(runId), [
        "RunRequested",
        "StepRequested resolve",
        "StepCompleted resolve",
        "ChildStarted",
        "ChildFinished",
        "RunCompleted"
      ])
    }))

  it.effect("a failure of the child is its cause, as journals have it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(
        Caller.toLayer(({ id }) => call(id)),
        Called.toLayer(() => Effect.fail(new Declined({ reason: "no" })))
      ))
      const id = yield* begin(host, Caller)
      const exit = yield* exitOf(host, Caller, id)
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepNestedInclude((exit as Exit.Success<object>).value, {
        _tag: "Failure",
        "cause[0]._tag": "Fail",
        "cause[0].error": { _tag: "Declined", reason: "no" }
      })
    }))

  it.effect("what was asked for stands: a version that is added later is for later runs, after a crash too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const One = versioned("1.9")
      const Two = versioned("1.10")
      const layer = (...more: ReadonlyArray<Layer.Layer<never, never, CrashHost.Services>>) =>
        Layer.mergeAll(
          Caller.toLayer(({ id }) => call(id)),
          One.toLayer(() => Effect.as(Signal.receive(Go), "one")),
          ...more
        )
      const first = yield* world.start(layer())
      const old = yield* begin(first, Caller, "old")
      const second = yield* world.restart(first, layer(Two.toLayer(() => Effect.as(log.add("two"), "two"))))
      const young = yield* begin(second, Caller, "young")
      yield* assertOutput(second, Caller, young, { _tag: "Success", value: "two" })
      const [child] = yield* runsOf(second, "called").pipe(
        Effect.map((all) => all.filter(({ version }) => version === "1.9"))
      )
      yield* world.tell(child!.id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, Caller, old, { _tag: "Success", value: "one" })
      assert.deepStrictEqual(log.entries, ["two"])
      const named = yield* second.use(Effect.flip(ChildRuns.request("called", null, { key: "k", version: "2" })))
      assert.strictEqual(
        named.message,
        "There is no workflow \"called\" version 2; registered are called@1.10, called@1.9"
      )
    }))

  it.effect("reads one definition where the version is named", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const row = { name: "a", version: "1", kind: "recipe", hash: "h", schemas: "{}", document: "{}", at: 0 }
      yield* backend.write([{ op: "define", row }])
      const sparing = { ...backend, definitions: Effect.die("all are read") }
      assert.strictEqual((yield* RunStarts.definitionOf(sparing, "a", "1")).hash, "h")
    }))

  it.effect("S8: a run that is told to stop leaves the child, and so does a part of the body that is interrupted", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(
        Caller.toLayer(({ id }) =>
          id === "race"
            ? Effect.andThen(Effect.raceFirst(call(id), Effect.sleep("1 second")), Signal.receive(Go))
            : call(id)
        ),
        Called.toLayer(() => Effect.as(Signal.receive(Go), "never"))
      ))
      const stops = yield* begin(host, Caller, "stops")
      const [first] = yield* runsOf(host, "called")
      yield* world.tell(stops, "cancel", cancel)
      assert.include(yield* world.run(stops), { status: "cancelled" })
      assert.include(yield* world.run(first!.id), { status: "cancelled" })
      const race = yield* begin(host, Caller, "race")
      const [second] = yield* runsOf(host, "called")
      assert.include(yield* world.run(second!.id), { status: "suspended" })
      yield* TestClock.adjust("1 second")
      yield* world.look
      assert.include(yield* world.run(race), { status: "suspended", reason: "signal" })
      assert.include(yield* world.run(second!.id), { status: "cancelled" })
    }))

  it.effect(
    "S8: at every crash point the child of an interrupted part is stopped, and that of the rest is not",
    () =>
      Effect.gen(function*() {
        const report = yield* CrashExplorer.explore({
          workflows: Layer.merge(
            Caller.toLayer(() =>
              Effect.gen(function*() {
                yield* Effect.raceFirst(call("loses"), Effect.sleep("1 second"))
                return yield* call("stays")
              })
            ),
            Called.toLayer(({ id }) => Effect.as(Signal.receive(Go), id))
          ),
          drive: (host, world) =>
            Effect.gen(function*() {
              yield* host.use(Caller.execute({ id: "1" }, { discard: true }))
              yield* host.settled
              yield* TestClock.adjust("1 second")
              yield* host.settled
              for (const { id, name } of yield* ends(world)) {
                if (name === "stays") yield* world.tell(id, "signal", { name: "go", payload: null }, { id: "go" })
              }
              yield* host.settled
            }),
          outside: (world) =>
            Effect.map(ends(world), (all) =>
              assert.deepStrictEqual(all.map(({ name, status }) => [name, status]), [
                ["loses", "cancelled"],
                ["stays", "completed"]
              ]))
        })
        assert.isAbove(report.writes, 8)
        assert.strictEqual(report.crashes, report.writes * 2)
      })
  )

  it.effect("a run that calls its own workflow comes to an end, with a sentence that says why", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const down = (key: string) =>
        Step.make("resolve", {
          success: StartRequest,
          error: Schema.String,
          onCrash: "rerun",
          run: () => Effect.mapError(ChildRuns.request("caller", { id: `${key}.` }, { key: `${key}.` }), String)
        })().pipe(
          Effect.flatMap(ChildRuns.run),
          Effect.catch((problem) => log.add(`${key.length} ${problem}`))
        )
      const host = yield* world.start(Caller.toLayer(({ id }) => Effect.asVoid(down(id))))
      yield* begin(host, Caller, ".")
      assert.lengthOf(yield* runsOf(host, "caller"), ChildRuns.maxAbove + 1)
      assert.deepStrictEqual(log.entries, [
        `${ChildRuns.maxAbove + 1} StartRefused: Workflow "caller" cannot be started here: 16 runs are above it, ` +
        "each started by the one before; a run that calls its own workflow has to stop doing so"
      ])
    }))

  it.effect("is for bodies: in a step and outside of a run there is none to be a child of", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      // What the type says too.
      const run = ChildRuns.run as (request: StartRequest) => Effect.Effect<unknown, never, Engine>
      const asked = Effect.orDie(Effect.flatMap(ChildRuns.request("called", { id: "c" }, { key: "k" }), run))
      const inStep = Step.make("s", { onCrash: "rerun", run: () => Effect.asVoid(asked) })
      const host = yield* world.start(Layer.merge(
        Caller.toLayer(() => inStep()),
        Called.toLayer(() => Effect.succeed(""))
      ))
      const problem = "is asked for in the body of a workflow, not in a step or outside a run"
      assert.include(String(yield* Effect.exit(host.use(asked))), problem)
      assert.include(String(yield* exitOf(host, Caller, yield* begin(host, Caller))), problem)
      assert.lengthOf(yield* runsOf(host, "called"), 0)
    }))
})
