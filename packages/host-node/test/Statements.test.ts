/**
 * What a run costs, in statements: counted, so that a slow machine changes
 * nothing. Whoever makes one of these figures grow changes it here, and says why.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Engine from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { join } from "node:path"
import { StatementSync } from "node:sqlite"
import * as NodeHost from "../src/NodeHost.ts"
import * as TempFolder from "./support/TempFolder.ts"

const work = Step.make("work", {
  input: { i: Schema.Int },
  success: Schema.Int,
  onCrash: "rerun",
  run: ({ i }) => Effect.succeed(i)
})

const Steps = Workflow.make("steps", {
  payload: { id: Schema.String, count: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const app = Steps.toLayer(Effect.fnUntraced(function*({ count }) {
  for (let i = 0; i < count; i++) yield* work({ i })
  return count
}))

/** The statements that SQLite is asked to run meanwhile, by the first words of each. */
const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const asked: Array<string> = []
      const prototype = StatementSync.prototype
      const methods = ["run", "get", "all", "iterate"] as const
      const before = methods.map((method) => [method, prototype[method]] as const)
      for (const [method, original] of before) {
        Object.assign(prototype, {
          [method](this: StatementSync, ...values: Array<never>) {
            asked.push(this.sourceSQL)
            return Reflect.apply(original, this, values)
          }
        })
      }
      return { asked, restore: () => Object.assign(prototype, Object.fromEntries(before)) }
    }),
    ({ asked }) => Effect.as(effect, asked),
    ({ restore }) => Effect.sync(restore)
  )

const isAppend = (sql: string) => sql.startsWith("INSERT INTO journal")

describe("statements", () => {
  it.live("of a run are 20, six more for the first step that it waits for, and one for each that follows", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      // Nothing looks at the store by itself, so that only what the run asks for is counted.
      const host = app.pipe(
        Layer.provideMerge(NodeHost.layer({ db: file, synchronous: "NORMAL", pollMs: 1e9, leaseMs: 1e9 }))
      )
      const context = yield* Layer.build(host)
      const run = (id: string, count: number) =>
        Effect.flatMap(
          counted(Effect.provide(Steps.execute({ id, count }), context)),
          (asked) =>
            Effect.as(Effect.provide(Effect.flatMap(Engine.Engine, (engine) => engine.settled), context), asked)
        )
      for (let n = 0; n < 3; n++) yield* run(`warm-up ${n}`, 5)
      const figures: Record<string, readonly [statements: number, commits: number]> = {}
      for (const count of [0, 1, 5, 20]) {
        const asked = yield* run(`r${count}`, count)
        figures[count] = [asked.length, asked.filter(isAppend).length]
      }
      assert.deepStrictEqual(figures, { 0: [20, 2], 1: [26, 3], 5: [30, 7], 20: [45, 22] })
    }).pipe(Effect.scoped))
})
