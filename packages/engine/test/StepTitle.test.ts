import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Logger, Schedule, Schema } from "effect"
import * as StepTitle from "../src/internal/StepTitle.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")
const quiet = Effect.provide(Logger.layer([]))

const reading = (title?: (input: { readonly path: string }) => string) =>
  Step.make("read", {
    input: { path: Schema.String },
    success: Schema.String,
    error: Schema.String,
    onCrash: "rerun",
    retry: Schedule.recurs(1),
    ...(title === undefined ? {} : { title }),
    run: ({ path }, { attempt }) => attempt === 1 ? Effect.fail("locked") : Effect.succeed(`content of ${path}`)
  })

const program = (title?: (input: { readonly path: string }) => string) =>
  W.toLayer(Effect.fnUntraced(function*() {
    const content = yield* Effect.orDie(reading(title)({ path: "src/a.ts" }))
    yield* Signal.receive(Go)
    return content
  }))

const titles = (world: CrashHost.World, id: string) =>
  Effect.map(
    world.journal(id),
    (entries) => entries.flatMap((entry) => entry._tag === "StepRequested" ? [entry.title] : [])
  )

describe("the title of a step", () => {
  it.effect("is made of its input when it is requested, recorded with each of its requests, and in the view", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let asked = 0
      const layer = program(({ path }) => {
        asked++
        return `Read ${path}`
      })
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      assert.deepStrictEqual(yield* titles(world, id), ["Read src/a.ts", "Read src/a.ts"])
      assert.strictEqual(RunView.of(id, yield* world.journal(id)).steps[0]?.title, "Read src/a.ts")
      yield* host.evict
      const second = yield* world.restart(host, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, "content of src/a.ts")
      assert.strictEqual(asked, 1)
    }).pipe(quiet))

  it.effect("S2: may be another, appear or go in a new build: replay does not compare it", () =>
    Effect.gen(function*() {
      for (
        const [before, after] of [
          [() => "Read", () => "Look"],
          [undefined, () => "Look"],
          [() => "Read", undefined]
        ] as const
      ) {
        const world = yield* CrashHost.make
        const first = yield* world.start(program(before))
        const id = yield* begin(first, W)
        const second = yield* world.restart(first, program(after))
        yield* world.tell(id, "signal", { name: "go", payload: null })
        yield* assertOutput(second, W, id, "content of src/a.ts")
        assert.deepStrictEqual(yield* titles(world, id), [before?.(), before?.()])
      }
    }).pipe(quiet))

  it.effect("that throws, changes its input or gives no text hurts nothing", () =>
    Effect.gen(function*() {
      for (
        const title of [
          () => {
            throw new Error("no title")
          },
          () => undefined as never,
          () => " \n",
          (input: { readonly path: string }) => Reflect.set(input, "path", "elsewhere") ? "" : "frozen"
        ]
      ) {
        const world = yield* CrashHost.make
        const host = yield* world.start(program(title))
        const id = yield* begin(host, W)
        yield* world.tell(id, "signal", { name: "go", payload: null })
        yield* host.settled
        yield* assertOutput(host, W, id, "content of src/a.ts")
        for (const entry of yield* world.journal(id)) assert.notProperty(entry, "title")
      }
    }))

  it("is one line of at most 120 characters, and nothing that a terminal would obey", () => {
    assert.strictEqual(StepTitle.of(() => "  Read\n\tsrc/a.ts "), "Read src/a.ts")
    assert.strictEqual(StepTitle.of(() => "\u001b[31mred\u0007 \u202Eover"), "[31mred over")
    assert.strictEqual(StepTitle.of(() => "x".repeat(120)), "x".repeat(120))
    assert.strictEqual(StepTitle.of(() => "x".repeat(121)), `${"x".repeat(119)}…`)
    assert.strictEqual(StepTitle.of(() => `${"x".repeat(118)}🎼🎼`), `${"x".repeat(118)}…`)
    assert.strictEqual(StepTitle.of(() => "x".repeat(10_000_000))?.length, 120)
    assert.isUndefined(StepTitle.of(() => 7))
  })
})
