import { assert, describe, it } from "@effect/vitest"
import * as SecretRef from "@fermata/core/SecretRef"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Clock, Effect, Exit, Layer, Logger, Option, Redacted, Schedule, Schema, Tracer } from "effect"
import { Activity, DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"
import { StorageFailed } from "../src/Backend.ts"
import { Chunks } from "../src/Chunks.ts"
import type { Engine } from "../src/Engine.ts"
import { Events } from "../src/Events.ts"
import { Runs } from "../src/Runs.ts"
import * as Secrets from "../src/Secrets.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, Declined, define, exitOf, pass } from "./support/Program.ts"

const W = define("W", { error: Schema.Union([Declined, Secrets.SecretMissing]) })
const Go = Signal.make("go", { schema: Schema.Unknown })
const key = SecretRef.make("KEY")
const text = "sk-live-4eC39HqLyjWDarjtT1zdp7dc" as const
const memory = Secrets.layerMemory({ KEY: text, OTHER: "0ther-Secret" })

const plain = Effect.map(Secrets.resolve(key), (found) => Redacted.value(found) as typeof text)
const base64 = (text: string) => Buffer.from(text).toString("base64")

/** The secret as servers echo it. */
const echoes = {
  [text]: "a name",
  header: `Bearer ${text}`,
  basic: `Basic ${base64(`me:${text}`)}`,
  json: JSON.stringify({ a: text }),
  list: [{ deep: [`before ${text} after`] }]
}
const cut = {
  "[secret KEY]": "a name",
  header: "Bearer [secret KEY]",
  basic: "Basic bWU6[secret KEY]",
  json: "{\"a\":\"[secret KEY]\"}",
  list: [{ deep: ["before [secret KEY] after"] }]
}

const everything = ({ store }: CrashHost.MemoryWorld) =>
  JSON.stringify(
    [store.runs, store.inbox, store.early, store.outbox, store.blobs, store.approvals].map((map) =>
      Array.from<unknown>(map.values())
    )
  )

const assertNowhere = (world: CrashHost.MemoryWorld, ...more: ReadonlyArray<unknown>) => {
  const all = everything(world) + JSON.stringify(more)
  for (const form of [text, base64(text).slice(4, -4)]) assert.notInclude(all, form)
}

type Body<A = unknown, E = never> = Effect.Effect<
  A,
  E,
  Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance
>

const serve = <E extends Declined | Secrets.SecretMissing>(body: Body<unknown, E>) =>
  W.toLayer(() => body).pipe(Layer.provide(memory))

describe("Secrets.resolve", () => {
  it.effect("S15: a step is told what a secret says, and what it gives on is without it, live as on a replay", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const step = Step.make("call", {
        input: { key: SecretRef.SecretRef },
        success: Schema.Unknown,
        error: Secrets.SecretMissing,
        onCrash: "rerun",
        run: ({ key }) =>
          Effect.map(Secrets.resolve(key), (found) => {
            seen.push(Redacted.value(found), String(found))
            return echoes
          })
      })
      const told: Array<unknown> = []
      const layer = serve(Effect.gen(function*() {
        told.push(yield* step({ key }))
        yield* Signal.receive(Go)
        return "done"
      }))
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.deepStrictEqual(seen, [text, "<redacted:[secret KEY]>"])
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, "done")
      assert.deepStrictEqual(told, [cut, cut])
      assert.include(everything(world), "{\\\"secret\\\":\\\"KEY\\\"}")
      assertNowhere(world)
    }))

  it.effect("S15: errors, with their causes, fields and stacks, and defects are without it, also where they are retried", () =>
    Effect.gen(function*() {
      const thrown = () =>
        Object.assign(new Error(`401 for ${text}`, { cause: new Error(`inner Bearer ${text}`) }), { request: echoes })
      const typed = Step.make("typed", {
        error: Schema.Union([Declined, Secrets.SecretMissing]),
        onCrash: "rerun",
        retry: Schedule.recurs(1),
        run: () =>
          Effect.flatMap(
            plain,
            (text) => Effect.fail(Object.assign(new Declined({ reason: `no ${text}` }), { cause: thrown() }))
          )
      })
      const long = Step.make("long", {
        onCrash: "rerun",
        run: () => Effect.flatMap(Effect.orDie(plain), (text) => Effect.die(new Error(`${"x".repeat(3_990)}${text}`)))
      })
      const died = Step.make("died", {
        onCrash: "rerun",
        run: () => Effect.flatMap(Effect.orDie(plain), () => Effect.die(thrown()))
      })
      const told: Array<string> = []
      const world = yield* CrashHost.make
      const host = yield* world.start(serve(Effect.gen(function*() {
        for (const step of [typed, long, died]) {
          const exit = yield* Effect.exit(step())
          if (Exit.isFailure(exit)) told.push(JSON.stringify(Cause.squash(exit.cause)) + Cause.pretty(exit.cause))
        }
      })))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, undefined)
      assert.include(told[0], "no [secret KEY]")
      assert.include(told[1], "[secret KEY]… (4,022 characters)".replace(",", ""))
      assert.include(told[2], "401 for [secret KEY]")
      assertNowhere(world, told)
      // No beginning of it either, where a long message was broken off.
      assert.notInclude(everything(world), text.slice(0, 8))
    }))

  it.effect("S15: an outcome or an error whose schema does not read it without the secret is a defect that says so, and the journal replays", () =>
    Effect.gen(function*() {
      const step = Step.make("call", {
        success: Schema.Literal(text),
        error: Secrets.SecretMissing,
        onCrash: "rerun",
        run: () => Effect.as(plain, text)
      })
      const failing = Step.make("fail", {
        error: Schema.Union([Schema.Literal(text), Secrets.SecretMissing]),
        onCrash: "rerun",
        run: () => Effect.flatMap(plain, () => Effect.fail(text))
      })
      const told: Array<string> = []
      const layer = serve(Effect.gen(function*() {
        for (const ask of [step, failing]) {
          const exit = yield* Effect.exit(ask())
          told.push(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "success")
        }
        yield* Signal.receive(Go)
      }))
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, undefined)
      assert.strictEqual(told.length, 4)
      for (const line of told) assert.include(line, "holds what a secret says; that was cut out")
      assertNowhere(world, told)
    }))

  it.effect("S15: what a probe finds and an activity gives is without it", () =>
    Effect.gen(function*() {
      const probed = Step.make("probed", {
        success: Schema.String,
        onCrash: "probe",
        probe: () => Effect.map(Effect.orDie(plain), (text) => Option.some(`found ${text}`)),
        run: () => Effect.never
      })
      const activity = Activity.make({
        name: "activity",
        success: Schema.String,
        execute: Effect.map(Effect.orDie(plain), (text) => `activity ${text}`)
      })
      const layer = serve(Effect.gen(function*() {
        return [yield* activity, yield* probed()]
      }))
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* assertOutput(second, W, id, ["activity [secret KEY]", "found [secret KEY]"])
      assertNowhere(world)
    }))

  it.effect("S15: what is told of a body that was let go at its timeout is without it", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let skew = 0n
      const ends = (name: string, exit: (text: string) => Exit.Exit<string>) =>
        Step.make(name, {
          success: Schema.String,
          onCrash: "ask",
          timeout: "300 millis",
          // It holds the process up for longer than its timeout.
          run: () =>
            Effect.flatMap(Effect.orDie(plain), (text) => {
              skew += 5_000_000_000n
              return exit(text)
            })
        })
      const skewed: Clock.Clock = {
        currentTimeMillis: clock.currentTimeMillis,
        currentTimeNanos: clock.currentTimeNanos,
        monotonicTimeNanos: Effect.sync(() => clock.monotonicTimeNanosUnsafe() + skew),
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + skew,
        sleep: (duration) => clock.sleep(duration)
      }
      const world = yield* CrashHost.make
      const layer = serve(Effect.all([
        ends("well", (text) => Exit.succeed(`late ${text}`))(),
        ends("badly", (text) => Exit.die(new Error(`later ${text}`)))()
      ], { concurrency: 2 }))
      const host = yield* Effect.provideService(world.start(layer), Clock.Clock, skewed)
      yield* begin(host, W)
      assert.include(everything(world), "late [secret KEY]")
      assert.include(everything(world), "later [secret KEY]")
      assertNowhere(world)
    }))

  it.effect("S15: notes, events, signals, child payloads, completions, and inputs and keys of steps inside are without it", () =>
    Effect.gen(function*() {
      const Child = Workflow.make("Child", {
        payload: { id: Schema.String, text: Schema.String },
        success: Schema.String,
        idempotencyKey: ({ id }) => id
      })
      const Done = DurableDeferred.make("done", { success: Schema.String })
      const inner = Step.make("inner", {
        input: Schema.String,
        success: Schema.String,
        key: (input) => input,
        onCrash: "rerun",
        // It may know it from the body around it.
        run: (input) => Effect.succeed(`${input} ${text}`)
      })
      const step = Step.make("call", {
        input: { run: Schema.String },
        success: Schema.Unknown,
        onCrash: "rerun",
        run: Effect.fnUntraced(function*({ run }) {
          const text = yield* Effect.orDie(plain)
          yield* Workflows.note("usage", `note ${text}`, echoes)
          yield* Effect.orDie(
            (yield* Events).emit("told", { text }, { id: `e-${text}`, correlationId: text, source: text })
          )
          yield* Effect.orDie(Signal.send(Go, { runId: run, payload: { text }, id: `s-${text}` }))
          const child = yield* Child.execute({ id: "1", text })
          yield* Effect.orDie((yield* Runs).start("Child", { id: "2", text }))
          const token = DurableDeferred.tokenFromExecutionId(Done, { workflow: W, executionId: run })
          yield* DurableDeferred.succeed(Done, { token, value: text })
          return [child, yield* Step.within(inner(`in ${text}`), "part/")]
        })
      })
      const layer = Layer.mergeAll(
        W.toLayer(Effect.fnUntraced(function*(_, run) {
          const outcome = yield* step({ run })
          return [outcome, yield* Signal.receive(Go), yield* DurableDeferred.await(Done)]
        })),
        Child.toLayer(({ text }) => Effect.succeed(`child ${text}`))
      ).pipe(Layer.provide(Layer.mergeAll(memory, Events.layer, Runs.layer)))
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [
        ["child [secret KEY]", "in [secret KEY] [secret KEY]"],
        { text: "[secret KEY]" },
        "[secret KEY]"
      ])
      const kept = yield* Effect.orDie(world.backend.events({ limit: 10 }))
      assert.deepStrictEqual(kept.map(({ payload }) => payload), ["{\"text\":\"[secret KEY]\"}"])
      assertNowhere(world, kept)
      assert.include(everything(world), "part/inner/in [secret KEY]")
      assert.include(everything(world), "note [secret KEY]")
    }))

  it.effect("S15: lines of a log and spans that are told in the attempt are without it, and others are as they were", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))])
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Layer.succeed(
        Tracer.Tracer,
        Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            spans.push(span)
            return span
          }
        })
      )
      const step = Step.make("call", {
        error: Schema.Union([Declined, Secrets.SecretMissing]),
        onCrash: "rerun",
        run: () =>
          Effect.gen(function*() {
            yield* Effect.logInfo("before")
            const text = yield* plain
            yield* Effect.annotateCurrentSpan("key", text)
            yield* Effect.logInfo(`line ${text}`, echoes, new Error(text)).pipe(
              Effect.annotateLogs("header", `Bearer ${text}`),
              Effect.withLogSpan(text)
            )
            yield* Effect.logError("failed", Cause.fail(new Error(`cause ${text}`)))
            yield* Effect.withSpan(Effect.void, `span ${text}`, { attributes: { text } })
            return yield* new Declined({ reason: text })
          }).pipe(Effect.withSpan("outer"))
      })
      const world = yield* CrashHost.make
      const host = yield* world.start(serve(Effect.ignore(step()).pipe(Effect.withSpan("body")))).pipe(
        Effect.provide(Layer.mergeAll(logger, tracer))
      )
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, undefined)
      const told = spans.map((span) => [
        span.name,
        [...span.attributes],
        span.events,
        span.status._tag === "Ended" && Exit.isFailure(span.status.exit) ? Cause.pretty(span.status.exit.cause) : ""
      ])
      assertNowhere(world, lines, told)
      const all = JSON.stringify([lines, told])
      for (
        const found of [
          "before",
          "line [secret KEY]",
          "Bearer [secret KEY]",
          "cause [secret KEY]",
          "span [secret KEY]",
          "[\"key\",\"[secret KEY]\"]",
          "\"body\""
        ]
      ) assert.include(all, found)
    }))

  it.effect("S15: what a step says while it works is without it, also where it comes in pieces", () =>
    Effect.gen(function*() {
      const step = Step.make("call", {
        input: { run: Schema.String },
        error: Schema.Union([StorageFailed, Secrets.SecretMissing]),
        onCrash: "rerun",
        run: Effect.fnUntraced(function*({ run }, { entry }) {
          const chunks = yield* Chunks
          const { write } = yield* chunks.writer(run, entry)
          yield* write("before")
          const text = yield* plain
          for (const piece of [`it is ${text.slice(0, 9)}`, text.slice(9, 20), `${text.slice(20)}, yes`]) {
            yield* write({ delta: piece })
          }
          yield* chunks.append(run, entry + 1_000, [{ delta: text.slice(0, 3) }, { delta: text.slice(3) }])
        }, Effect.scoped)
      })
      const backend = Chunks.makeMemory()
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer((_, run) => Effect.orDie(step({ run }))).pipe(
          Layer.provide(Layer.mergeAll(memory, Chunks.layer(backend)))
        )
      )
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      yield* assertOutput(host, W, id, undefined)
      const told = yield* Effect.orDie(Effect.flatMap(Chunks, (chunks) => chunks.read(id))).pipe(
        Effect.provide(Chunks.layer(backend))
      )
      assert.deepStrictEqual(told.map(({ value }) => value), [
        "before",
        { delta: "it is [secret KEY]" },
        { delta: "" },
        { delta: ", yes" },
        { delta: "[secret KEY]" },
        { delta: "" }
      ])
    }))

  it.effect("S15: a secret is asked for in the body of a step: elsewhere it dies, and says where it belongs", () =>
    Effect.gen(function*() {
      const together = Step.make("together", {
        onCrash: "commit-together",
        run: () => Effect.asVoid(Effect.orDie(plain))
      })
      const world = yield* CrashHost.make
      const host = yield* world.start(serve(Effect.gen(function*() {
        const exits: ReadonlyArray<Exit.Exit<unknown, unknown>> = [
          yield* Effect.exit(plain),
          yield* Effect.exit(together())
        ]
        return exits.map((exit) => Exit.isFailure(exit) ? Cause.pretty(exit.cause).split("\n")[0] : "told")
      })))
      const id = yield* begin(host, W)
      const outside = yield* Effect.exit(Effect.provide(plain, memory))
      const said = (where: string) =>
        `Error: What the secret "KEY" says was asked ${where}: ask in the run or the probe of a step, and not of one that is `
        + `"commit-together"; elsewhere hand the reference on`
      yield* assertOutput(host, W, id, [
        said("in the body of workflow \"W\""),
        said("outside of the body of a step")
      ])
      assert.include(
        Exit.isFailure(outside) ? Cause.pretty(outside.cause) : "",
        "outside of the body of a step"
      )
    }))

  it.effect("a secret that is not there is an error that says where it was looked for, and where nobody says anything, that", () =>
    Effect.gen(function*() {
      const missing = (name: string) =>
        Step.make(name, {
          error: Secrets.SecretMissing,
          onCrash: "rerun",
          run: () => Effect.asVoid(Secrets.resolve(SecretRef.make("toString")))
        })
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.mergeAll(
        serve(missing("a")()),
        V.toLayer(() => missing("b")())
      ))
      const first = yield* exitOf(host, W, yield* begin(host, W))
      const second = yield* exitOf(host, V, yield* begin(host, V))
      const message = (exit: Exit.Exit<unknown, unknown> | undefined) =>
        exit !== undefined && Exit.isFailure(exit) ? Cause.pretty(exit.cause).split("\n")[0] : ""
      assert.strictEqual(
        message(first),
        "SecretMissing: There is no secret \"toString\": the secrets in memory are KEY, OTHER"
      )
      assert.include(message(second), "this process was not told where its secrets are")
    }))

  it.effect("S15: what a body has from elsewhere is cut out behind \"conceal\", and outside of a step nothing is", () =>
    Effect.gen(function*() {
      const hidden = Secrets.conceal("CLIENT", Redacted.make(text))
      const step = Step.make("call", {
        success: Schema.Unknown,
        onCrash: "rerun",
        run: () => Effect.as(hidden, { said: `Basic ${base64(`me:${text}`)}` })
      })
      const world = yield* CrashHost.make
      const host = yield* world.start(serve(step()))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, { said: "Basic bWU6[secret CLIENT]" })
      assertNowhere(world)
      yield* hidden
    }))

  it("S15: what is written outside of steps is cut by hand, piece by piece too, and each piece keeps its place", () => {
    const cutter = Secrets.cutter([["KEY", text], ["SHORT", "abc"]])
    assert.strictEqual(cutter.text(`abc Bearer ${text}`), "abc Bearer [secret KEY]")
    const pieces = ["a ", text.slice(0, 9), text.slice(9), ` ${text}`].map((delta) => ({ type: "d", delta }))
    assert.deepStrictEqual(
      cutter.pieces(pieces).map((piece) => (piece as { readonly delta: string }).delta),
      ["a ", "[secret KEY]", "", " [secret KEY]"]
    )
  })

  it.effect("an attempt that is told none, and one that was told another, leave the text as it is", () =>
    Effect.gen(function*() {
      const step = (name: string, before: Effect.Effect<unknown, Secrets.SecretMissing>) =>
        Step.make(name, {
          success: Schema.String,
          error: Secrets.SecretMissing,
          onCrash: "rerun",
          run: () => Effect.as(before, "0ther-Secret")
        })
      const world = yield* CrashHost.make
      const host = yield* world.start(serve(Effect.all([
        step("none", Effect.void)(),
        step("another", plain)(),
        step("this", Secrets.resolve(SecretRef.make("OTHER")))()
      ])))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, ["0ther-Secret", "0ther-Secret", "[secret OTHER]"])
    }))
})

describe("SecretRef", () => {
  it("is a reference by its name, which is a word", () => {
    assert.deepStrictEqual(SecretRef.make("a/B_c-1.d"), { secret: "a/B_c-1.d" })
    for (const name of ["", "1a", "a b", "a]", "x".repeat(201)]) {
      assert.throws(() => SecretRef.make(name), /name of a secret/)
    }
    assert.isTrue(SecretRef.is({ secret: "A" }))
    for (const other of [{ secret: 1 }, { secret: "A", more: 1 }, "secret:A", null]) assert.isFalse(SecretRef.is(other))
  })
})

const V = define("V", { error: Secrets.SecretMissing })
