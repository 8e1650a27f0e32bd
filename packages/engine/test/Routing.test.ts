import { assert, describe, it } from "@effect/vitest"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as RunSentence from "@fermata/core/RunSentence"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, type Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Approval from "../src/Approval.ts"
import * as Events from "../src/Events.ts"
import * as Runs from "../src/Runs.ts"
import { assertOutput, begin, define, exitOf, pass } from "./support/Program.ts"

const W = define("W", { error: Approval.Denied })
const hour = 3_600_000

const asking = (options: Partial<Approval.Options<never>> = {}) =>
  W.toLayer(() =>
    Effect.map(
      Approval.ask("ok", { prompt: "Well?", approvers: ["ann", "bob"], ...options }),
      ({ by }) => by.join()
    )
  )

/** A host that serves, and the verbs of an operator at a process of its own that serves nothing. */
const setUp = Effect.fnUntraced(function*(layer: Layer.Layer<never, unknown, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(layer)
  const desk = yield* world.start(Runs.Runs.layer, { worker: false, maxAwake: 0 })
  const runs = yield* desk.use(Runs.Runs) as Effect.Effect<Runs.Runs["Service"]>
  return { world, host, runs }
})

const refused = (effect: Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>) =>
  Effect.map(Effect.flip(effect), ({ _tag, message }) => `${_tag}: ${message}`)

/** What the journal says of whom the question went to, without its places and times. */
const routed = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap((entry) => {
    switch (entry._tag) {
      case "ApprovalDelegated":
        return [`${entry.by} → ${entry.to}${entry.for === entry.by ? "" : ` for ${entry.for}`}`]
      case "ApprovalEscalated":
        return [`stage ${entry.stage} to ${entry.to.join()}`]
      case "ApprovalReminded":
        return [`reminder ${entry.count} to ${entry.to.join()}`]
      case "ApprovalAnswered":
        return [`${entry.decision} by ${entry.by}${entry.for === undefined ? "" : ` for ${entry.for}`}`]
      default:
        return []
    }
  })

describe("N-61: a question is handed on", () => {
  it.effect("to a person, who answers for who was asked; the journal, the list and the wait of the run tell it", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(asking({ quorum: 2 }))
      const id = yield* begin(host, W)
      const asked = yield* runs.delegate(id, { by: "ann", to: "dana", note: "away" })
      assert.deepInclude(asked, { status: "open", wanted: ["dana", "bob"], approvers: ["ann", "bob"] })
      yield* world.look
      assert.deepStrictEqual((yield* world.waits(id))[0]?.who, ["dana", "bob"])
      const view = yield* runs.show(id)
      assert.strictEqual(
        RunSentence.of(view, 0),
        `Waits for dana or bob to answer approval "ok": Well?; 0 of 2, still wanted: dana, bob; handed on ann → dana`
      )
      assert.deepStrictEqual(view.approvals[0]?.routed, asked.routed)
      assert.strictEqual(
        yield* refused(runs.answer(id, { decision: "approve", by: "ann" })),
        `NotAllowed: ann may not answer approval ${id}/ok: ann has handed it on to dana, and answers only after taking it back`
      )
      assert.deepStrictEqual((yield* runs.approvals({ approver: ["ann"] })).length, 0)
      assert.deepStrictEqual((yield* runs.approvals({ approver: ["dana"] })).length, 1)
      yield* runs.answer(id, { decision: "approve", by: "dana" })
      const done = yield* runs.answer(id, { decision: "approve", by: "bob" })
      assert.strictEqual(done.progress, "approved by dana, bob")
      yield* world.look
      yield* assertOutput(host, W, id, "dana,bob")
      const entries = yield* world.journal(id)
      assert.deepStrictEqual(routed(entries), ["ann → dana", "approve by dana for ann", "approve by bob"])
      assert.deepInclude(entries.find(({ _tag }) => _tag === "ApprovalDelegated")!, { note: "away" })
    }))

  it.effect("by nobody who may not, to nobody who may not, and not once it is decided", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(asking({ notBy: ["requester", "interns"] }))
      const { runId: id } = yield* runs.start("W", { id: "1" }, { by: "req", key: "1" })
      yield* world.look
      assert.strictEqual(
        yield* refused(runs.delegate(id, { by: "eve", to: "dana" })),
        `NotAllowed: eve may not answer approval ${id}/ok: only ann, bob may`
      )
      assert.strictEqual(
        yield* refused(runs.delegate(id, { by: "ann", to: "req" })),
        `DelegationRefused: Approval ${id}/ok is not handed on: req has asked for the run, and another must decide`
      )
      assert.strictEqual(
        yield* refused(runs.delegate(id, { by: "ann", to: "interns" })),
        `DelegationRefused: Approval ${id}/ok is not handed on: interns may not answer it`
      )
      assert.strictEqual(
        yield* refused(runs.delegate(id, { by: "ann", to: " " })),
        `DelegationRefused: Approval ${id}/ok is not handed on: it goes to a name or a group of 1 to 200 characters`
      )
      yield* runs.delegate(id, { by: "ann", to: "finance" })
      assert.strictEqual(
        yield* refused(runs.answer(id, { decision: "approve", by: "fin", roles: ["finance", "interns"] })),
        `NotAllowed: fin may not answer approval ${id}/ok: interns may not answer it, and another must decide`
      )
      yield* runs.answer(id, { decision: "deny", by: "fay", roles: ["finance"] })
      assert.strictEqual(
        yield* refused(runs.delegate(id, { by: "bob", to: "dana" })),
        `AnsweredAlready: Approval ${id}/ok is answered already: denied by fay for ann, 0 s ago`
      )
      yield* world.look
      assert.isTrue(Exit.isFailure((yield* exitOf(host, W, id))!))
      assert.strictEqual(
        yield* refused(runs.delegate(id, { by: "bob", to: "dana" })),
        `AnsweredAlready: Approval ${id}/ok is answered already: denied by fay for ann, 0 s ago`
      )
    }))

  it.effect("also while no worker runs, and S16: what was acknowledged is in the journal, also of a run that was cancelled before", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(asking({ deadline: "1 hour", onTimeout: "approve" }))
      const id = yield* begin(host, W)
      yield* host.close
      yield* runs.delegate(id, { by: "ann", to: "dana" })
      yield* runs.delegate(id, { by: "dana", to: "cy" })
      yield* runs.delegate(id, { by: "ann", to: "ann" })
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      const second = yield* world.start(asking({ deadline: "1 hour", onTimeout: "approve" }))
      yield* world.look
      yield* assertOutput(second, W, id, "ann")
      assert.deepStrictEqual(routed(yield* world.journal(id)), [
        "ann → dana",
        "dana → cy for ann",
        "ann → ann",
        "approve by ann"
      ])
      const third = yield* begin(second, W, "3")
      second.freeze()
      yield* runs.cancel(third, { by: "ops", reason: "enough" })
      yield* runs.delegate(third, { by: "bob", to: "dana" })
      yield* second.thaw
      yield* world.look
      assert.deepStrictEqual(routed(yield* world.journal(third)), ["bob → dana"])
      assert.strictEqual((yield* world.run(third)).status, "cancelled")
    }))
})

const stages = [{ after: "2 hours", to: ["cfo"] }, { after: "1 day", to: ["ceo", "board"] }] as const

describe("N-61: a question escalates", () => {
  it.effect("at each of its times to others too, who may answer from then on; the run sleeps meanwhile, and tells what comes next", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(asking({ escalate: stages, deadline: "2 days" }))
      const id = yield* begin(host, W)
      assert.strictEqual(
        RunSentence.of(yield* runs.show(id), 0),
        `Waits for ann or bob to answer approval "ok": Well?; escalates to cfo in 2 h; denied by itself in 2 d, at 1970-01-03 00:00:00Z`
      )
      assert.include(yield* refused(runs.answer(id, { decision: "approve", by: "cfo" })), "only ann, bob may")
      yield* pass(host, "2 hours")
      yield* world.look
      assert.deepStrictEqual((yield* world.waits(id))[0]?.who, ["ann", "bob", "cfo"])
      assert.strictEqual(
        RunSentence.of(yield* runs.show(id), 3 * hour),
        `Waits for ann, bob or cfo to answer approval "ok": Well?; escalated to cfo 1 h ago; escalates to ceo, board in 21 h; denied by itself in 1 d 21 h, at 1970-01-03 00:00:00Z`
      )
      yield* pass(host, "22 hours")
      yield* world.look
      yield* runs.answer(id, { decision: "approve", by: "ned", roles: ["board"] })
      yield* world.look
      yield* assertOutput(host, W, id, "ned")
      assert.deepStrictEqual(routed(yield* world.journal(id)), [
        "stage 1 to cfo",
        "stage 2 to ceo,board",
        "approve by ned"
      ])
    }))

  it.effect("also where no worker runs: whoever it went to answers, and the journal has both in order", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(asking({ escalate: stages }))
      const id = yield* begin(host, W)
      yield* host.close
      yield* TestClock.adjust("3 days")
      yield* runs.answer(id, { decision: "approve", by: "ceo" })
      const second = yield* world.start(asking({ escalate: stages }))
      yield* world.look
      yield* assertOutput(second, W, id, "ceo")
      assert.deepStrictEqual(routed(yield* world.journal(id)), [
        "stage 1 to cfo",
        "stage 2 to ceo,board",
        "approve by ceo"
      ])
    }))

  it.effect("and its deadline ends it, whatever of it was missed", () =>
    Effect.gen(function*() {
      const layer = asking({
        escalate: stages,
        deadline: "2 days",
        onTimeout: "approve",
        remind: { every: "1 hour", most: 3 }
      })
      const { host, world } = yield* setUp(layer)
      const id = yield* begin(host, W)
      yield* host.close
      yield* TestClock.adjust("3 days")
      const second = yield* world.start(layer)
      yield* world.look
      yield* assertOutput(second, W, id, "deadline")
      assert.deepStrictEqual(routed(yield* world.journal(id)), ["timeout by deadline"])
    }))

  it.effect("never at times that make no sense: the question is a defect that names them", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [Partial<Approval.Options<never>>, string]> = [
        [{ escalate: [{ after: "1 hour", to: [] }] }, "escalates to nobody at stage 1"],
        [{ escalate: [stages[1], stages[0]] }, "escalates at stage 2 after 7200000 ms; stages come one after another"],
        [
          { escalate: stages, deadline: "1 day" },
          "escalates at stage 2 after 86400000 ms, and its deadline comes first"
        ],
        [{ remind: { every: 0, most: 1 } }, "reminds every 0 ms; at least 1"],
        [{ remind: { every: "1 hour", most: 1.5 } }, "reminds 1.5 times; it must be a whole number from 1 to 1000"],
        [{ remind: { every: "1 hour", most: 1_001 } }, "reminds 1001 times; it must be a whole number from 1 to 1000"]
      ]
      for (const [options, problem] of wrong) {
        const world = yield* CrashHost.make
        const host = yield* world.start(asking(options))
        const id = yield* begin(host, W)
        const exit = yield* exitOf(host, W, id)
        assert.include(String(exit), `Approval "ok" ${problem}`)
        yield* host.kill
      }
    }))
})

describe("N-61: people are reminded of a question", () => {
  it.effect("by events, as often as it says and no more, until it is decided", () =>
    Effect.gen(function*() {
      const layer = asking({ remind: { every: "1 hour", most: 3 }, escalate: [{ after: "90 minutes", to: ["cfo"] }] })
      const { host, runs, world } = yield* setUp(layer)
      const desk = yield* world.start(Events.Events.layer, { worker: false, maxAwake: 0 })
      const events = yield* desk.use(Events.Events) as Effect.Effect<Events.Events["Service"]>
      const heard: Array<unknown> = []
      yield* Effect.forkChild(
        Stream.runForEach(events.subscribe("engine.approval.*"), ({ name, payload }) =>
          Effect.sync(() => void heard.push([name, (payload as { to?: unknown }).to]))),
        { startImmediately: true }
      )
      const id = yield* begin(host, W)
      yield* runs.delegate(id, { by: "bob", to: "dana" })
      yield* world.look
      for (let passed = 0; passed < 10; passed++) {
        yield* pass(host, "30 minutes")
        yield* world.look
      }
      assert.deepStrictEqual(routed(yield* world.journal(id)), [
        "bob → dana",
        "reminder 1 to ann,dana",
        "stage 1 to cfo",
        "reminder 2 to ann,dana,cfo",
        "reminder 3 to ann,dana,cfo"
      ])
      const length = (yield* world.journal(id)).length
      yield* pass(host, "30 days")
      yield* world.look
      assert.lengthOf(yield* world.journal(id), length, "nothing more is said, however long it lasts")
      yield* runs.answer(id, { decision: "approve", by: "cfo" })
      yield* world.look
      yield* assertOutput(host, W, id, "cfo")
      yield* world.adjustHost(200)
      assert.deepStrictEqual(heard, [
        ["engine.approval.requested", undefined],
        ["engine.approval.delegated", "dana"],
        ["engine.approval.reminder", ["ann", "dana"]],
        ["engine.approval.escalated", ["cfo"]],
        ["engine.approval.reminder", ["ann", "dana", "cfo"]],
        ["engine.approval.reminder", ["ann", "dana", "cfo"]],
        ["engine.approval.granted", undefined]
      ])
    }))
})

describe("S4, N-61: a process that dies at any write", () => {
  it.effect("loses no delegation, escalation or reminder, and says none twice", () =>
    Effect.gen(function*() {
      const layer = asking({
        quorum: 2,
        escalate: [{ after: "2 hours", to: ["cfo"] }],
        remind: { every: "1 hour", most: 2 }
      })
      /** The same life whatever happens to the processes: what its journal says, and how many writes it took. */
      const live = Effect.fnUntraced(function*(killed?: { readonly count: number; readonly when: "before" | "after" }) {
        const world = yield* CrashHost.make
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        const desk = yield* world.start(Runs.Runs.layer, { worker: false, maxAwake: 0 })
        const runs = yield* desk.use(Runs.Runs) as Effect.Effect<Runs.Runs["Service"]>
        let dead = false
        if (killed !== undefined) host.killAt(killed.count, killed.when, "every")
        const go = Effect.fnUntraced(function*() {
          yield* Effect.raceFirst(world.look, Effect.yieldNow.pipe(Effect.repeat({ until: () => host.killed() })))
          if (!host.killed()) return
          dead = true
          host = yield* world.restart(host, layer)
          yield* world.look
        })
        yield* runs.delegate(id, { by: "ann", to: "dana" })
        yield* go()
        for (let hours = 0; hours < 4; hours++) {
          yield* TestClock.adjust(hour)
          yield* go()
        }
        yield* runs.answer(id, { decision: "approve", by: "dana" })
        yield* go()
        yield* runs.answer(id, { decision: "approve", by: "cfo" })
        yield* go()
        yield* assertOutput(host, W, id, "dana,cfo")
        const story = routed(yield* world.journal(id))
        yield* host.kill
        yield* desk.kill
        return { story, dead }
      })
      const { story } = yield* live()
      assert.deepStrictEqual(story, [
        "ann → dana",
        "reminder 1 to dana,bob",
        "stage 1 to cfo",
        "reminder 2 to dana,bob,cfo",
        "approve by dana for ann",
        "approve by cfo"
      ])
      let crashes = 0
      for (const when of ["before", "after"] as const) {
        for (let count = 1;; count++) {
          const life = yield* live({ count, when })
          if (!life.dead) break
          crashes++
          assert.deepStrictEqual(life.story, story, `${when} write ${count}`)
        }
      }
      assert.isAbove(crashes, 15)
    }))
})
