import { assert, describe, it } from "@effect/vitest"
import { CrashHost } from "@fermata/testing"
import { Effect } from "effect"
import { contract, giveWay, handlers, Log, type Loose, only, pass, run, serve, serveAgain } from "./support.ts"

const task = (id: string, input: unknown, more: Loose = {}) => ({
  id,
  name: id,
  kind: "task",
  task: "work",
  input,
  onCrash: "rerun-keyed",
  next: null,
  ...more
})
const call = (id: string, workflow: string, input: unknown) => ({
  id,
  name: id,
  kind: "call",
  workflow,
  input,
  next: null
})

/** A service outside that does each thing once for its key, as one for `rerun-keyed` does. */
class Keyed {
  private readonly done = new Map<string, string>()

  get entries(): ReadonlyArray<string> {
    return [...this.done.values()]
  }

  readonly add = (key: string, entry: string) => Effect.sync(() => void this.done.set(key, entry))
}

describe("steps inside steps", () => {
  it.effect("N-46: a map over 100 items, 5 at a time, does each once, although its process dies in between", () =>
    Effect.gen(function*() {
      const log = new Log()
      /** Charges, of which it says how many went on at a time at most. */
      const charging = () => {
        const count = { now: 0, most: 0 }
        const tasks = handlers({
          charge: (item) =>
            Effect.sync(() => {
              count.most = Math.max(count.most, ++count.now)
            }).pipe(
              Effect.andThen(log.add(`charge ${String(item)}`)),
              Effect.andThen(Effect.sleep("1 second")),
              Effect.andThen(Effect.sync(() => void count.now--)),
              Effect.as(Number(item) * 2)
            )
        })
        return { count, tasks }
      }
      const before = charging()
      const after = charging()
      const world = yield* CrashHost.make
      const first = yield* serve(world, { tasks: before.tasks })
      const id = yield* run(
        first,
        contract([{
          id: "each",
          kind: "map",
          items: "{{ input.items }}",
          concurrency: 5,
          steps: [{
            id: "charge",
            name: "Charge",
            kind: "task",
            task: "charge",
            input: "{{ item }}",
            onCrash: "rerun-keyed",
            next: null
          }],
          next: null
        }]),
        { input: { items: Array.from({ length: 100 }, (_, n) => n) } }
      )
      for (let turn = 0; turn < 9; turn++) yield* pass(first, "1 second")
      assert.strictEqual(log.entries.length, 50)
      const second = yield* serveAgain(world, first, { tasks: after.tasks })
      for (let turn = 0; turn < 12; turn++) yield* pass(second, "1 second")
      yield* giveWay()
      const journal = yield* world.journal(id)
      assert.deepStrictEqual((yield* second.runs.show(id)).output, Array.from({ length: 100 }, (_, n) => n * 2))
      assert.deepStrictEqual(
        only(journal, "StepCompleted").map(({ key }) => key).toSorted(),
        [...Array.from({ length: 100 }, (_, n) => `each[${n}]/charge`), "each"].toSorted()
      )
      assert.deepStrictEqual([before.count.most, after.count.most], [5, 5])
      // Only the five that were under way ran again, with the key that they had.
      assert.strictEqual(log.entries.length, 105)
    }))

  it.effect("N-46: branches run at a time and are joined, and of a race the first counts and the rest stops, crash or not", () =>
    Effect.gen(function*() {
      const log = new Keyed()
      const tasks = handlers({
        work: (input, { idempotencyKey }) =>
          Effect.sleep("1 minute").pipe(
            Effect.andThen(log.add(idempotencyKey, String(input))),
            Effect.as(input)
          )
      })
      const world = yield* CrashHost.make
      const first = yield* serve(world, { tasks })
      yield* first.contracts.add(contract([task("only", "{{ input }}")], { id: "working" }))
      yield* first.contracts.add(
        contract([{ id: "hold", kind: "delay", for: "1 hour", next: "only" }, task("only", "{{ input }}")], {
          id: "late"
        })
      )
      const id = yield* run(
        first,
        contract([
          {
            id: "both",
            kind: "parallel",
            branches: {
              here: { steps: [task("here", "here")] },
              there: { steps: [call("there", "working", "there")] }
            },
            next: "race"
          },
          {
            id: "race",
            kind: "parallel",
            wait: "first",
            branches: {
              slow: { steps: [call("slow", "late", "slow")] },
              fast: { steps: [call("fast", "working", "fast")] }
            },
            next: null
          }
        ], { output: ["{{ steps.both.output }}", "{{ steps.race.output }}"] })
      )
      assert.deepStrictEqual(log.entries, [])
      const second = yield* serveAgain(world, first, { tasks })
      yield* pass(second, "1 minute")
      assert.sameMembers([...log.entries], ["here", "there"])
      yield* pass(second, "30 seconds")
      const third = yield* serveAgain(world, second, { tasks })
      yield* pass(third, "1 minute")
      assert.deepStrictEqual((yield* third.runs.show(id)).output, [
        { here: "here", there: "there" },
        { branch: "fast", output: "fast" }
      ])
      yield* pass(third, "2 hours")
      assert.deepStrictEqual(log.entries.slice(2), ["fast"])
      const children = (yield* third.runs.list()).filter(({ parent }) => parent === id)
      assert.deepStrictEqual(children.map(({ status, workflow }) => `${workflow} ${status}`).toSorted(), [
        "late cancelled",
        "working completed",
        "working completed"
      ])
    }))

  it.effect("N-46: a map joins the runs that it calls, each once, although its process dies in between", () =>
    Effect.gen(function*() {
      const log = new Keyed()
      const tasks = handlers({
        work: (input, { idempotencyKey }) =>
          Effect.sleep("1 second").pipe(
            Effect.andThen(log.add(idempotencyKey, String(input))),
            Effect.as(Number(input) * 2)
          )
      })
      const world = yield* CrashHost.make
      const first = yield* serve(world, { tasks })
      yield* first.contracts.add(contract([task("only", "{{ input }}")], { id: "working" }))
      const items = Array.from({ length: 20 }, (_, n) => n)
      const id = yield* run(
        first,
        contract([{
          id: "each",
          kind: "map",
          items: "{{ input }}",
          concurrency: 5,
          steps: [call("one", "working", "{{ item }}")],
          next: null
        }]),
        { input: items }
      )
      yield* pass(first, "1 second")
      yield* pass(first, "1 second")
      const second = yield* serveAgain(world, first, { tasks })
      for (let turn = 0; turn < 6; turn++) yield* pass(second, "1 second")
      assert.deepStrictEqual((yield* second.runs.show(id)).output, items.map((n) => n * 2))
      assert.lengthOf(yield* second.runs.list({ workflow: "working" }), 20)
      assert.sameMembers([...log.entries], items.map(String))
    }))

  it.effect("N-44: the third step fails, and what the first two did is undone in reverse, once", () =>
    Effect.gen(function*() {
      const log = new Log()
      const tasks = handlers({
        work: (input) => Effect.as(log.add(String(input)), input),
        fail: () => Effect.fail("no room")
      })
      const undone = (id: string, next: string | null) =>
        task(id, id, { undo: { steps: [task(`un${id}`, `undo ${id}`)] }, next })
      const world = yield* CrashHost.make
      const host = yield* serve(world, { tasks })
      const id = yield* run(
        host,
        contract([undone("flight", "hotel"), undone("hotel", "car"), task("car", null, { task: "fail" })])
      )
      assert.strictEqual((yield* host.runs.find(id)).status, "failed")
      assert.deepStrictEqual(log.entries, ["flight", "hotel", "undo hotel", "undo flight"])
      // A process that comes later finds nothing more to undo.
      const later = yield* serveAgain(world, host, { tasks })
      yield* pass(later, "1 day")
      assert.lengthOf(log.entries, 4)
    }))

  it.effect("N-48: a delay of seven days is over when it should be, with restarts in between", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let host = yield* serve(world)
      const id = yield* run(host, contract([{ id: "week", kind: "delay", for: "7 days", next: null }]))
      for (let day = 1; day < 7; day++) {
        yield* pass(host, "1 day")
        host = yield* serveAgain(world, host)
      }
      assert.include(yield* host.runs.find(id), { status: "suspended", reason: "timer" })
      yield* pass(host, "1 day")
      assert.deepInclude(yield* host.runs.show(id), { status: "completed", output: "1970-01-08T00:00:00.000Z" })
    }))

  it.effect("N-01, N-02: a question four calls below goes on there, and no step above or before it is done again", () =>
    Effect.gen(function*() {
      const log = new Log()
      const tasks = handlers({ work: (input) => Effect.as(log.add(String(input)), input) })
      const level = (depth: number) =>
        contract([
          task("before", `before ${depth}`, { next: "below" }),
          depth === 4
            ? {
              id: "below",
              kind: "approval",
              prompt: "Go on?",
              approvers: ["ada"],
              nextOnApproved: "after",
              nextOnDenied: null
            }
            : { ...call("below", `level-${depth + 1}`, null), next: "after" },
          task("after", `after ${depth}`)
        ], { id: `level-${depth}` })
      const world = yield* CrashHost.make
      const first = yield* serve(world, { tasks })
      for (let depth = 4; depth > 0; depth--) yield* first.contracts.add(level(depth))
      const id = yield* run(first, level(0))
      const second = yield* serveAgain(world, first, { tasks })
      yield* pass(second, "1 day")
      assert.include(yield* second.runs.find(id), { status: "suspended", reason: "child" })
      const [asked] = yield* second.runs.approvals()
      assert.strictEqual(asked!.workflow, "level-4")
      yield* second.runs.answer(asked!.id, { decision: "approve", by: "ada" })
      yield* second.settled
      assert.include(yield* second.runs.find(id), { status: "completed" })
      assert.deepStrictEqual(log.entries, [
        ...[0, 1, 2, 3, 4].map((depth) => `before ${depth}`),
        ...[4, 3, 2, 1, 0].map((depth) => `after ${depth}`)
      ])
    }))
})
