import { assert, describe, it } from "@effect/vitest"
import type { EntryOf, ExitJson, JournalEntry } from "@fermata/core/JournalEntry"
import * as Ledger from "../../src/internal/run/Ledger.ts"
import * as Pass from "../../src/internal/run/Pass.ts"

const body = (entry: object, seq: number) => Object.assign({ seq, at: seq * 10, epoch: 1 }, entry) as JournalEntry
const passOf = (...entries: ReadonlyArray<object>) => Pass.make(Ledger.load(entries.map(body)))
const request = { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun" }
const success = (value: unknown): ExitJson => ({ _tag: "Success", value })
const signal = (id: string) =>
  body({ _tag: "SignalReceived", id, name: "go", payload: null }, 0) as EntryOf<"SignalReceived">

/** The code asks for step "a" of this ledger, and each of these hears what it comes to. */
const asked = (pass: Pass.Pass, definition: object, ...waiters: Pass.AskedStep["waiters"]) => {
  const step = Pass.addStep(pass, pass.ledger.steps.get("a")!, definition as never)
  step.waiters = waiters
  Pass.setPhase(pass, step, "running")
  return step
}

describe("what the code has asked for and been told", () => {
  it("numbers requests of one name, and those of a body by themselves", () => {
    const pass = passOf()
    const numbers = (prefix?: string) => [1, 2].map(() => Pass.number(pass, "step:a", "a", prefix))
    assert.deepStrictEqual(numbers(), ["a", "a~2"])
    assert.deepStrictEqual(numbers("b/"), ["b/a", "b/a~2"])
    assert.deepStrictEqual([Pass.count(pass, "n"), Pass.count(pass, "n"), Pass.countOf(pass, "n")], [1, 2, 2])
    assert.strictEqual(Pass.countOf(pass, "other"), 0)
  })

  it("S6: gives a signal to the first who waits for it, and keeps it for the first who will", () => {
    const pass = passOf()
    const told: Array<string> = []
    const wait = (who: string) => Pass.takeSignal(pass, "go", ({ id }) => void told.push(`${who} ${id}`))
    wait("first")
    const forget = wait("gone")
    wait("second")
    assert.isFunction(forget)
    forget!()
    for (const id of ["s", "t", "u"]) Pass.deliver(pass, signal(id))
    assert.deepStrictEqual(told, ["first s", "second t"])
    assert.isUndefined(wait("third"))
    assert.deepStrictEqual(told, ["first s", "second t", "third u"])
  })

  it("S6: gives who does not wait for a signal the next that was told and that nobody has taken", () => {
    const pass = passOf()
    const told: Array<string> = []
    assert.isUndefined(Pass.pollSignal(pass, "go"))
    for (const id of ["s", "t", "u"]) Pass.deliver(pass, signal(id))
    assert.strictEqual(Pass.pollSignal(pass, "go")?.id, "s")
    assert.isUndefined(Pass.pollSignal(pass, "come"))
    Pass.takeSignal(pass, "go", ({ id }) => void told.push(id))
    assert.deepStrictEqual(told, ["t"])
    assert.strictEqual(Pass.pollSignal(pass, "go")?.id, "u")
    assert.isUndefined(Pass.pollSignal(pass, "go"))
  })

  it("S6: tells who waits for a signal or for the end of either, and of nothing behind that", () => {
    const pass = passOf()
    const told: Array<string> = []
    const wait = (who: string) => Pass.signalOrEnd(pass, "go", (signal) => void told.push(`${who} ${signal?.id}`))
    const end = (key: string) => body({ _tag: "EndOffered", key, name: "go" }, 0)
    wait("first")
    const forget = wait("gone")
    wait("third")
    assert.isTrue(Pass.canDeliver(pass, end("go~2")))
    forget!()
    for (const [key, waits] of [["go", true], ["go~2", false], ["go~3", true], ["go~4", false]] as const) {
      assert.strictEqual(Pass.canDeliver(pass, end(key)), waits, key)
    }
    Pass.deliver(pass, end("go~3"))
    for (const id of ["s", "t"]) Pass.deliver(pass, signal(id))
    assert.deepStrictEqual(told, ["third undefined", "first s"])
    assert.strictEqual(pass.ends.size, 0)
    assert.isUndefined(wait("fourth"), "it is told at once")
    assert.deepStrictEqual(told.at(-1), "fourth t")
    assert.strictEqual(pass.ends.size, 0)
  })

  it("S7: tells all who wait for a deferred of its first completion, and of no other", () => {
    const pass = passOf()
    const told: Array<unknown> = []
    const wait = (who: string) => Pass.awaitDeferred(pass, "d", (exit) => void told.push([who, exit]))
    wait("first")
    const forget = wait("gone")
    wait("second")
    forget()
    Pass.completeDeferred(pass, "d", success(1))
    assert.deepStrictEqual(told, [["first", success(1)], ["second", success(1)]])
    wait("later")
    Pass.completeDeferred(pass, "d", success(2))
    assert.strictEqual(told.length, 2)
    assert.deepStrictEqual(pass.deferreds.get("d"), success(1))
  })

  it("takes no completion by the code itself for one from outside", () => {
    const pass = passOf()
    const entry = (inside: boolean) => body({ _tag: "DeferredCompleted", name: "d", exit: success(1), inside }, 0)
    Pass.deliver(pass, entry(true))
    assert.isFalse(pass.deferreds.has("d"))
    Pass.deliver(pass, entry(false))
    assert.isTrue(pass.deferreds.has("d"))
  })

  it("tells a timer once, and forgets it", () => {
    const pass = passOf({ _tag: "TimerSet", timer: 1, dueAt: 10 })
    let fired = 0
    pass.timers.set(1, { entry: pass.ledger.timers.get(1)!, waiter: () => void fired++ })
    const entry = body({ _tag: "TimerFired", timer: 1 }, 1)
    assert.isTrue(Pass.canDeliver(pass, entry))
    Pass.deliver(pass, entry)
    assert.isFalse(Pass.canDeliver(pass, entry))
    Pass.deliver(pass, entry)
    assert.deepStrictEqual([fired, pass.timers.size, pass.ledger.timers.size], [1, 0, 0])
  })

  it("tells those who wait for a child of its first end", () => {
    const pass = passOf({ _tag: "ChildStarted", child: "c", workflow: "w", version: "1", payload: null, linked: true })
    const told: Array<unknown> = []
    const hear = (exit: ExitJson) => void told.push(exit)
    const child = { exit: undefined, waiters: [hear, hear] }
    pass.children.set("c", child as never)
    const ended = (value: number) => body({ _tag: "ChildFinished", child: "c", exit: success(value) }, value)
    assert.isFalse(Pass.canDeliver(passOf(), ended(1)))
    assert.isTrue(Pass.canDeliver(pass, ended(1)))
    for (const value of [1, 2]) Pass.deliver(pass, ended(value))
    assert.deepStrictEqual(told, [success(1), success(1)])
    assert.deepStrictEqual([child.exit, child.waiters], [success(1), []] as never)
  })

  it("can be told of the outcome of a step that somebody waits for, or of one that a body has asked for", () => {
    const done = body({ _tag: "StepCompleted", key: "a", attempt: 1 }, 1)
    assert.isFalse(Pass.canDeliver(passOf(request), done))
    assert.isTrue(Pass.canDeliver(passOf({ ...request, nested: true }), done))
    const pass = passOf(request)
    const step = asked(pass, {}, () => {})
    assert.isTrue(Pass.canDeliver(pass, done))
    step.waiters = []
    assert.isFalse(Pass.canDeliver(pass, done))
  })
})

describe("the end of a step", () => {
  const done = body({ _tag: "StepCompleted", key: "a", attempt: 1, output: { n: 1 } }, 1)
  const outcome = { _tag: "Done", key: "a", exit: success({ n: 1 }) }

  it("is told to all who wait, and not kept where its key is asked for once", () => {
    const pass = passOf(request, done)
    const told: Array<unknown> = []
    const step = asked(pass, { key: undefined, nested: false }, (end) => void told.push(end))
    Pass.deliver(pass, done)
    assert.deepStrictEqual(told, [outcome])
    assert.deepStrictEqual([step.phase, step.waiters, step.delivered], ["delivered", [], undefined] as never)
    assert.deepStrictEqual([pass.steps.size, pass.open.size, pass.ledger.steps.size], [0, 0, 0])
  })

  it("is a copy for each, and kept, where others may ask for the same key", () => {
    for (const definition of [{ key: "a", nested: false }, { key: undefined, nested: true }]) {
      const pass = passOf(request, done)
      const told: Array<{ readonly exit: { readonly value: object } }> = []
      const hear = (end: unknown) => void told.push(end as (typeof told)[number])
      const step = asked(pass, definition, hear, hear)
      Pass.deliver(pass, done)
      assert.deepStrictEqual(told, [outcome, outcome] as never)
      assert.notStrictEqual(told[0]!.exit.value, told[1]!.exit.value)
      assert.deepStrictEqual(step.delivered, outcome as never)
      assert.deepStrictEqual([pass.steps.size, pass.open.size], [1, 0])
    }
  })

  it("is not a failure that another attempt follows", () => {
    const failed = body({ _tag: "StepFailed", key: "a", attempt: 1, cause: [], retryAt: 70 }, 1)
    const pass = passOf(request, failed)
    const step = asked(pass, {}, () => assert.fail("nobody is told"))
    Pass.deliver(pass, failed)
    assert.deepStrictEqual([step.phase, pass.open.size], ["running", 1])
  })

  it("is a success, a failure, or a failure for which the run waits", () => {
    const failed = { _tag: "StepFailed", key: "a", attempt: 1, cause: ["x"] }
    const outcomeOf = (entry: object) => Pass.outcomeOf(entry as never)
    assert.deepStrictEqual(
      outcomeOf({ _tag: "StepCompleted", key: "a", attempt: 1 }),
      { _tag: "Done", key: "a", exit: { _tag: "Success" } }
    )
    assert.deepStrictEqual(outcomeOf(failed), { _tag: "Done", key: "a", exit: { _tag: "Failure", cause: ["x"] } })
    assert.deepStrictEqual(outcomeOf({ ...failed, parked: true }), { _tag: "Parked", key: "a", cause: ["x"] })
  })
})

describe("a list of those who wait", () => {
  it("is another with one more or one less, and the same without a stranger", () => {
    assert.deepStrictEqual(Pass.added([], 1), [1])
    assert.deepStrictEqual(Pass.added([1], 2), [1, 2])
    const list = [1, 2, 3]
    assert.deepStrictEqual(Pass.without(list, 2), [1, 3])
    assert.deepStrictEqual(Pass.without([2], 2), [])
    assert.strictEqual(Pass.without(list, 4), list)
    assert.deepStrictEqual(list, [1, 2, 3])
    Pass.remove(list, 4)
    Pass.remove(list, 1)
    assert.deepStrictEqual(list, [2, 3])
  })
})
