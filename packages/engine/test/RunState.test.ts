import { assert, describe, it } from "@effect/vitest"
import type * as Patch from "@fermata/core/Patch"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Schema } from "effect"
import * as RunState from "../src/RunState.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, exitOf, giveWay, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")

class Item extends Schema.Class<Item>("Item")({ name: Schema.String, at: Schema.Date }) {}
const Cart = RunState.make("cart", {
  schema: Schema.Struct({ items: Schema.Array(Item), total: Schema.Int }),
  initial: { items: [], total: 0 }
})
const Counter = RunState.make("counter", { schema: Schema.Int, initial: 0 })
const apple = new Item({ name: "apple", at: new Date("2026-01-02T03:04:05Z") })

describe("RunState", () => {
  it.effect("a document starts with its initial value at revision 0, and writes nothing until it is changed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const snapshot = yield* RunState.get(Counter)
        yield* RunState.update(Counter, (n) => n)
        return snapshot
      })))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, { revision: 0, value: 0 })
      assert.isFalse((yield* world.journal(id)).some((entry) => entry._tag === "StateChanged"))
    }))

  it.effect("values keep their classes and dates, and are the same after a crash", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const { value } = yield* RunState.update(
          Cart,
          (cart) => ({ items: [...cart.items, apple], total: cart.total + 1 })
        )
        assert.instanceOf(value.items[0], Item)
        yield* Signal.receive(Go)
        const last = yield* RunState.update(
          Cart,
          (cart) => ({ items: [...cart.items, ...cart.items], total: cart.total * 2 })
        )
        return [last.revision, last.value.total, ...last.value.items.map((item) => item.at.toISOString())]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, [2, 2, "2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05.000Z"])
    }))

  it.effect("people see the document as it stands: the fold of the patches in the journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* RunState.update(Cart, () => ({ items: [apple], total: 1 }))
        yield* RunState.patch(Cart, [{ op: "replace", path: "/total", value: 7 }])
        yield* RunState.update(Counter, () => 3)
        yield* Signal.receive(Go)
      }, Effect.orDie)))
      const id = yield* begin(host, W)
      const { state } = RunView.of(id, yield* world.journal(id))
      assert.deepInclude(state["cart"], {
        revision: 2,
        value: { items: [{ name: "apple", at: "2026-01-02T03:04:05.000Z" }], total: 7 }
      })
      assert.deepInclude(state["counter"], { revision: 1, value: 3 })
    }))

  it.effect("a patch for another revision is refused with both", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* RunState.update(Cart, (cart) => ({ ...cart, total: 1 }))
        const error = yield* Effect.flip(
          RunState.patch(Cart, [{ op: "replace", path: "/total", value: 2 }], { revision: 0 })
        )
        const after = yield* RunState.patch(Cart, [{ op: "replace", path: "/total", value: 3 }], { revision: 1 })
        return [error.message, after.revision, after.value.total]
      }, Effect.orDie)))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [`State "cart" is at revision 1, not 0`, 2, 3])
    }))

  it.effect("a patch that does not apply, or whose result the schema refuses, changes nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const refused = [
          yield* Effect.flip(RunState.patch(Cart, [{ op: "replace", path: "/nowhere/at/all", value: 1 }])),
          yield* Effect.flip(RunState.patch(Cart, [{ op: "test", path: "/total", value: 9 }])),
          yield* Effect.flip(RunState.patch(Cart, [{ op: "replace", path: "/total", value: "many" }])),
          yield* Effect.flip(
            RunState.patch(Cart, [{ op: "replace", path: "/total", value: 1 }, { op: "remove", path: "/items" }])
          )
        ]
        return [
          ...refused.map((error) => error._tag),
          yield* RunState.get(Counter),
          (yield* RunState.get(Cart)).revision
        ]
      }, Effect.orDie)))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [
        ...Array.from({ length: 4 }, () => "PatchRefused"),
        { revision: 0, value: 0 },
        0
      ])
      assert.isFalse((yield* world.journal(id)).some((entry) => entry._tag === "StateChanged"))
    }))

  it.effect("S9: a build that changes the document otherwise than the journal holds diverges, and names it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const program = (by: number) =>
        W.toLayer(Effect.fnUntraced(function*() {
          yield* RunState.update(Counter, (n) => n + by)
          yield* echo(log)("x")
          yield* Signal.receive(Go)
        }))
      const first = yield* world.start(program(1))
      const id = yield* begin(first, W)
      const rows = yield* world.rows(id)
      yield* world.restart(first, program(2))
      yield* giveWay(10)
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "state:counter@1" })
      assert.deepStrictEqual(yield* world.rows(id), rows)
    }))

  it.effect("concurrent branches change one document, one after the other", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.forEach([1, 2, 3, 4, 5], (n) =>
          Effect.andThen(echo(log)(`${n}`), RunState.update(Counter, (sum) => sum + n)), { concurrency: "unbounded" })
        return yield* RunState.get(Counter)
      })))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, { revision: 5, value: 15 })
    }))

  it.effect("in a step it is a defect that says so", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const step = Step.make("step", { onCrash: "rerun", run: () => Effect.asVoid(RunState.get(Counter)) })
      const host = yield* world.start(W.toLayer(() => step()))
      const id = yield* begin(host, W)
      assert.include(String(yield* exitOf(host, W, id)), `State "counter" is used in the body of a workflow`)
    }))

  it.effect("a document that is changed in place is changed as by a new value, and its initial value and other runs are not", () =>
    Effect.gen(function*() {
      const Plan = RunState.make("plan", { schema: Schema.Any, initial: { items: [] as Array<number> } })
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const first = yield* RunState.get(Plan)
        first.value.items.push(99)
        const second = yield* RunState.update(Plan, (plan) => {
          plan.items.push(1)
          return plan
        })
        second.value.items.push(98)
        yield* Signal.receive(Go)
        const { revision, value } = yield* RunState.update(Plan, (plan) => {
          plan.items.push(2)
          return plan
        })
        return [Plan.initial.items.length, revision, value.items]
      }))
      const first = yield* world.start(layer)
      const ids = [yield* begin(first, W, "1"), yield* begin(first, W, "2")]
      const second = yield* world.restart(first, layer)
      yield* second.settled
      for (const id of ids) {
        yield* world.tell(id, "signal", go)
        yield* assertOutput(second, W, id, [0, 2, [1, 2]])
        const { state } = RunView.of(id, yield* world.journal(id))
        assert.deepInclude(state["plan"], { revision: 2, value: { items: [1, 2] } })
      }
    }))

  it.effect("S17: a value that cannot be stored changes no document, and the body is told; as a patch it is refused", () =>
    Effect.gen(function*() {
      const Plan = RunState.make("plan", { schema: Schema.Any, initial: { a: 1 } })
      const Odd = RunState.make("odd", { schema: Schema.Any, initial: { at: new Date(0) } })
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const said: Array<string> = []
        const told = (exit: Exit.Exit<unknown, unknown>) =>
          said.push(Exit.isFailure(exit) ? String((Cause.squash(exit.cause) as Error).message) : "done")
        told(yield* Effect.exit(RunState.update(Plan, () => ({ id: 10n }))))
        told(yield* Effect.exit(RunState.patch(Plan, [{ op: "add", path: "/b", value: new Map() }])))
        told(yield* Effect.exit(RunState.patch(Plan, [{ op: "add", path: "/b", value: undefined }])))
        told(yield* Effect.exit(RunState.get(Odd)))
        told(yield* Effect.exit(RunState.update(Counter, () => 0.5)))
        return [said, yield* RunState.get(Plan)]
      })))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [[
        `The new value of state "plan" in run ${id} of workflow "W" cannot be stored: at "id" it has the bigint 10n; give it as text, or use the schema Schema.BigInt`,
        `The patch of state "plan" is refused: it is a Map; give its parts as plain data, or use a schema that makes JSON of it, such as Schema.ReadonlyMap`,
        `The patch of state "plan" is refused: the operation "add" at "/b" has no value`,
        `The new value of state "odd" in run ${id} of workflow "W" cannot be stored: at "at" it has a Date; give its parts as plain data, or use a schema that makes JSON of it, such as Schema.Date`,
        `The new value of state "counter" is refused by its schema: SchemaError: Expected an integer`
      ], { revision: 0, value: { a: 1 } }])
      assert.isFalse((yield* world.journal(id)).some((entry) => entry._tag === "StateChanged"))
    }))

  it.effect("what a patch does to a document is what people see of it; what does not apply is refused and not recorded", () =>
    Effect.gen(function*() {
      const Plan = RunState.make("plan", { schema: Schema.Json, initial: { a: [1], s: "text" } })
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const problems: Array<string> = []
        for (
          const operation of [
            { op: "replace", path: "/a/-", value: 2 },
            { op: "add", path: "/__proto__/x", value: 1 },
            { op: "add", path: "/s/0", value: 1 }
          ] as const
        ) {
          const refused = yield* Effect.flip(RunState.patch(Plan, [{ op: "add", path: "/a/-", value: 7 }, operation]))
          problems.push(refused.message)
        }
        yield* RunState.patch(Plan, [{ op: "add", path: "/__proto__", value: { x: 1 } }])
        return [problems, JSON.stringify((yield* RunState.get(Plan)).value)]
      }, Effect.orDie)))
      const id = yield* begin(host, W)
      const exit = yield* exitOf(host, W, id)
      if (exit === undefined || Exit.isFailure(exit)) return assert.fail(String(exit))
      const [problems, value] = exit.value as readonly [ReadonlyArray<string>, string]
      assert.lengthOf(problems, 3)
      for (const problem of problems) {
        assert.match(problem, /^The patch of state "plan" is refused: .*"\/(a\/-|__proto__\/x|s\/0)"/)
      }
      assert.strictEqual(value, `{"a":[1],"s":"text","__proto__":{"x":1}}`)
      const { state } = RunView.of(id, yield* world.journal(id))
      assert.strictEqual(JSON.stringify(state["plan"]!.value), value)
      assert.isUndefined(state["plan"]!.problem)
      assert.strictEqual(state["plan"]!.revision, 1)
    }))

  it.effect("S9: another patch that comes to the same document is the same change", () =>
    Effect.gen(function*() {
      const Plan = RunState.make("plan", { schema: Schema.Json, initial: { a: [1], b: 1 } })
      const world = yield* CrashHost.make
      const program = (change: ReadonlyArray<Patch.Operation>) =>
        W.toLayer(Effect.fnUntraced(function*() {
          yield* RunState.patch(Plan, change)
          yield* Signal.receive(Go)
          return (yield* RunState.get(Plan)).value
        }, Effect.orDie))
      const first = yield* world.start(program([{ op: "replace", path: "", value: { a: [1, 2], b: 1 } }]))
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, program([{ op: "add", path: "/a/-", value: 2 }]))
      yield* second.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, { a: [1, 2], b: 1 })
    }))
})
