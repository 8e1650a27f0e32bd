/**
 * What a run costs, in statements and transactions: counted, so that a slow
 * machine changes nothing. Whoever makes one of these figures grow changes it
 * here, and says why.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Engine from "@fermata/engine/Engine"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Context, Effect, Layer, Schema } from "effect"
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

const idempotencyKey = ({ id }: { readonly id: string }) => id
const Steps = Workflow.make("steps", {
  payload: { id: Schema.String, count: Schema.Int },
  success: Schema.Int,
  idempotencyKey
})
const Approved = Signal.make("approved", { schema: Schema.Boolean })
const Waiting = Workflow.make("waiting", { payload: { id: Schema.String }, success: Schema.Boolean, idempotencyKey })
const Parent = Workflow.make("parent", { payload: { id: Schema.String }, success: Schema.Int, idempotencyKey })

const app = Layer.mergeAll(
  Steps.toLayer(Effect.fnUntraced(function*({ count }) {
    for (let i = 0; i < count; i++) yield* work({ i })
    return count
  })),
  Waiting.toLayer(() => Effect.andThen(work({ i: 0 }), Signal.receive(Approved))),
  Parent.toLayer(({ id }) => Steps.execute({ id: `child of ${id}`, count: 0 }))
)

/** The statements that SQLite is asked to run meanwhile, by the first words of each. */
const asked = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
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

/** Statements, and transactions that write: those that are begun, and appends that are one by themselves. */
const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(asked(effect), (sql): readonly [statements: number, transactions: number] => {
    let within = false
    let transactions = 0
    for (const one of sql) {
      if (one === "BEGIN IMMEDIATE") within = true
      if (one === "COMMIT") within = false
      if (one === "COMMIT" || (!within && one.startsWith("INSERT INTO journal"))) transactions++
    }
    return [sql.length, transactions]
  })

/** A host that looks at the store only when something has happened, so that only what is asked for is counted. */
const makeHost = Effect.gen(function*() {
  const file = join(yield* TempFolder.make, "fermata.db")
  const context = yield* Layer.build(app.pipe(
    Layer.provideMerge(NodeHost.layer({ db: file, synchronous: "NORMAL", pollMs: 1e9, leaseMs: 1e9 }))
  ))
  const engine = Context.get(context, Engine.Engine)
  const use = Effect.provide(context)
  // What is read once is not counted.
  for (let n = 0; n < 3; n++) {
    yield* use(Steps.execute({ id: `warm-up ${n}`, count: 5 }))
    yield* use(Parent.execute({ id: `warm-up ${n}` }))
  }
  yield* engine.settled
  const wait = (id: string) => Effect.andThen(use(Waiting.execute({ id }, { discard: true })), engine.settled)
  const signal = (id: string) =>
    Effect.flatMap(Waiting.executionId({ id }), (runId) => use(Signal.send(Approved, { runId, payload: true })))
  /** Until nothing is on its way. */
  const count = <A, E>(effect: Effect.Effect<A, E>) => counted(Effect.andThen(effect, engine.settled))
  return { engine, use, wait, signal, count }
})

describe("statements", () => {
  it.live("of a run are 13, of which one asks for a newer build, five more for the first step that it waits for, and one for each that follows", () =>
    Effect.gen(function*() {
      const { count, use } = yield* makeHost
      const figures: Record<string, readonly [statements: number, transactions: number]> = {}
      for (const steps of [0, 1, 5, 20]) {
        figures[steps] = yield* count(use(Steps.execute({ id: `r${steps}`, count: steps })))
      }
      assert.deepStrictEqual(figures, { 0: [13, 2], 1: [18, 3], 5: [22, 7], 20: [37, 22] })
    }).pipe(Effect.scoped))

  it.live("of a run that is asked for again are none that write", () =>
    Effect.gen(function*() {
      const { count, use } = yield* makeHost
      const run = Steps.execute({ id: "r", count: 0 })
      yield* use(run)
      assert.deepStrictEqual(yield* count(use(run)), [7, 0])
    }).pipe(Effect.scoped))

  it.live("of a signal that ends a run are 14 where the run is in memory, and 29 where it is not", () =>
    Effect.gen(function*() {
      const { count, engine, signal, use, wait } = yield* makeHost
      yield* wait("here")
      yield* wait("gone")
      // Enough for the rows of the two to have their places in the index.
      yield* use(Steps.execute({ id: "many", count: 300 }))
      const here = yield* count(signal("here"))
      yield* engine.evict
      yield* engine.settled
      assert.deepStrictEqual({ here, gone: yield* count(signal("gone")) }, { here: [14, 2], gone: [29, 3] })
    }).pipe(Effect.scoped))

  it.live("of a run and a child that it waits for are 67, of which two ask for a newer build", () =>
    Effect.gen(function*() {
      const { count, use } = yield* makeHost
      assert.deepStrictEqual(yield* count(use(Parent.execute({ id: "p" }))), [67, 6])
    }).pipe(Effect.scoped))
})
