import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { Backend } from "../src/Backend.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import { assertOutput, begin, define, echo, Log, pass } from "./support/Program.ts"

const W = define("W", { error: Approval.Denied })
const Go = Signal.make("go")
const Pay = Schema.Struct({ cents: Schema.Int.check(Schema.isGreaterThan(0)) })

const pay = (options: Partial<Approval.Options<typeof Pay>> = {}) =>
  Approval.ask("pay", {
    prompt: "Pay?",
    approvers: ["ann", "bob", "cy"],
    args: { schema: Pay, value: { cents: 5_100 }, editable: true },
    ...options
  })

const paying = (options: Partial<Approval.Options<typeof Pay>> = {}) =>
  W.toLayer(() => Effect.map(pay(options), ({ args, by, choice }) => [args.cents, choice ?? null, ...by]))

/** A host that serves, and the verbs of an operator at a process of its own that serves nothing. */
const setUp = Effect.fnUntraced(function*(layer: Layer.Layer<never, unknown, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(layer)
  const desk = yield* world.start(Runs.Runs.layer, { worker: false, maxAwake: 0 })
  const runs = yield* desk.use(Runs.Runs) as Effect.Effect<Runs.Runs["Service"]>
  return { world, host, runs }
})

const refusals = (world: CrashHost.World, id: string) =>
  Effect.map(
    world.journal(id),
    (entries) =>
      entries.flatMap((entry) => entry._tag === "MessageRefused" ? [`${entry.kind} ${entry.why}: ${entry.text}`] : [])
  )

const message = (effect: Effect.Effect<unknown, { readonly message: string }>) =>
  Effect.map(Effect.flip(effect), (error) => error.message)

describe("S16: an acknowledged answer decides, whether a worker runs or not", () => {
  it.effect("the first answer closes the question in the transaction that acknowledges it, and the second is told who was first", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying())
      const id = yield* begin(host, W)
      yield* host.close
      const taken = yield* runs.answer(id, { decision: "approve", by: "ann" })
      assert.deepInclude(taken, { status: "granted", progress: "approved by ann" })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(
        yield* message(runs.answer(id, { decision: "deny", by: "bob" })),
        `Approval ${id}/pay is answered already: approved by ann, 2 s ago`
      )
      assert.deepStrictEqual((yield* world.inbox(id)).length, 1)
      const [open] = yield* runs.approvals()
      assert.deepInclude(open, { status: "granted", progress: "approved by ann", wanted: [] })
      const second = yield* world.start(paying())
      yield* world.look
      yield* assertOutput(second, W, id, [5_100, null, "ann"])
      assert.isEmpty(yield* runs.approvals())
      assert.strictEqual(
        yield* message(runs.answer(id, { decision: "deny", by: "bob" })),
        `Approval ${id}/pay is answered already: approved by ann, 0 s ago`
      )
      assert.isEmpty(yield* refusals(world, id))
    }))

  it.effect("a quorum says who is still wanted, and nobody votes twice", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying({ quorum: 2 }))
      const id = yield* begin(host, W)
      const one = yield* runs.answer(id, { decision: "approve", by: "ann" })
      assert.deepInclude(one, {
        status: "open",
        progress: "1 of 2, still wanted: one of bob, cy",
        wanted: ["bob", "cy"]
      })
      assert.include(
        yield* message(runs.answer(id, { decision: "approve", by: "ann" })),
        "ann has approved it already; 1 of 2, still wanted: one of bob, cy"
      )
      yield* world.look
      assert.include(yield* message(runs.answer(id, { decision: "approve", by: "ann" })), "ann has approved it already")
      yield* runs.answer(id, { decision: "approve", by: "cy" })
      yield* world.look
      yield* assertOutput(host, W, id, [5_100, null, "ann", "cy"])
    }))

  it.effect("what a run waits for names those who are still wanted", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying({ quorum: 2 }))
      const id = yield* begin(host, W)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* world.look
      assert.deepStrictEqual((yield* world.waits(id))[0]?.who, ["bob", "cy"])
    }))

  it.effect("a choice is wanted where there is one, and approvals of different choices do not add up", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying({ quorum: 2, choices: ["card", "cash"] }))
      const id = yield* begin(host, W)
      assert.include(
        yield* message(runs.answer(id, { decision: "approve", by: "ann" })),
        "it wants a choice: one of card, cash"
      )
      yield* runs.answer(id, { decision: "approve", by: "ann", choice: "card" })
      assert.strictEqual((yield* runs.answer(id, { decision: "approve", by: "bob", choice: "cash" })).status, "open")
      yield* runs.answer(id, { decision: "approve", by: "cy", choice: "card" })
      yield* world.look
      yield* assertOutput(host, W, id, [5_100, "card", "ann", "cy"])
    }))

  it.effect("whoever started the run does not answer where self-approval is prevented, and in a child of the run neither", () =>
    Effect.gen(function*() {
      const Child = define("Child", { error: Approval.Denied })
      const { runs, world } = yield* setUp(Layer.merge(
        W.toLayer(Effect.fnUntraced(function*({ id }) {
          if (id === "usual") yield* pay()
          else yield* Child.execute({ id })
        })),
        Child.toLayer(() => Effect.asVoid(pay({ notBy: "requester", quorum: 2 })))
      ))
      yield* runs.start("W", { id: "a" }, { by: "ann", key: "a" })
      yield* world.look
      const [asked] = yield* runs.approvals()
      assert.deepInclude(asked, { workflow: "Child", requester: "ann" })
      assert.include(
        yield* message(runs.answer(asked!.id, { decision: "approve", by: "ann" })),
        "ann has asked for the run, and another must decide"
      )
      assert.strictEqual(
        (yield* runs.answer(asked!.id, { decision: "approve", by: "cy" })).progress,
        "1 of 2, still wanted: bob"
      )
      const other = yield* runs.start("W", { id: "usual" }, { by: "ann", key: "usual" })
      yield* world.look
      assert.strictEqual((yield* runs.answer(other.runId, { decision: "approve", by: "ann" })).status, "granted")
    }))
})

describe("S16: approvals count for the exact arguments", () => {
  it.effect("an edit is a new proposal: who has not seen it is refused with the difference, and who has decides", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying({ quorum: 2 }))
      const id = yield* begin(host, W)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      const edited = yield* runs.answer(id, { decision: "approve", by: "cy", edit: { cents: 9_999_999 } })
      assert.deepInclude(edited, { status: "open", progress: "1 of 2, still wanted: one of ann, bob" })
      assert.deepStrictEqual(edited.edit, { args: { cents: 9_999_999 }, by: "cy", changes: ["cents: 5100 → 9999999"] })
      for (const decision of ["approve", "deny"] as const) {
        const refused = yield* Effect.flip(runs.answer(id, { decision, by: "bob" }))
        assert.strictEqual(refused._tag, "ArgumentsEdited")
        assert.include(refused.message, `cy has edited the arguments of approval ${id}/pay: cents: 5100 → 9999999`)
        assert.include(refused.message, edited.hash!.slice(0, 12))
      }
      yield* world.look
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* runs.answer(id, { decision: "approve", by: "bob", hash: edited.hash!.slice(0, 12) })
      yield* world.look
      yield* assertOutput(host, W, id, [9_999_999, null, "cy", "bob"])
      const answers = (yield* world.journal(id)).flatMap((entry) =>
        entry._tag === "ApprovalAnswered" ? [[entry.by, entry.edit ?? null, entry.open ?? false]] : []
      )
      assert.deepStrictEqual(answers, [["ann", null, true], ["cy", { cents: 9_999_999 }, true], ["bob", {
        cents: 9_999_999
      }, false]])
    }))

  it.effect("an edit is judged by its schema before it is acknowledged", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying())
      const id = yield* begin(host, W)
      yield* host.close
      for (
        const [edit, problem] of [
          [{ cents: "7" }, "cents"],
          [{ cents: 7.5 }, "integer"],
          [{ cents: -7 }, "greater than 0"],
          [{ cent: 7 }, "cents"],
          [{ cents: 7, tip: 1 }, "tip"]
        ] as const
      ) {
        const refused = yield* message(runs.answer(id, { decision: "approve", by: "ann", edit }))
        assert.include(refused, "the edited arguments do not fit")
        assert.include(refused, problem, refused)
      }
      assert.include(
        yield* message(runs.answer(id, { decision: "approve", by: "ann", edit: { cents: 7n } })),
        "its edit cannot be stored"
      )
      assert.isEmpty(yield* world.inbox(id))
    }))

  it.effect("where only the code refuses an edit, the question opens again, everybody is told, and the edit is not proposed again", () =>
    Effect.gen(function*() {
      const Even = Schema.Struct({
        cents: Schema.Int.check(Schema.makeFilter((cents) => cents % 2 === 0 || "an even number of cents"))
      })
      const layer = W.toLayer(() =>
        Effect.map(
          Approval.ask("pay", {
            prompt: "Pay?",
            approvers: ["ann", "bob"],
            args: { schema: Even, value: { cents: 2 }, editable: true }
          }),
          ({ args, by }) => [args.cents, ...by]
        )
      )
      for (const crash of [undefined, 1, 2, 3, 4]) {
        const world = yield* CrashHost.make
        const host = yield* world.start(layer)
        const id = yield* begin(host, W)
        if (crash !== undefined) host.killAt(crash, "after", "every")
        assert.strictEqual(
          yield* Effect.raceFirst(
            world.answer(id, "pay", { decision: "approve", by: "ann", edit: { value: { cents: 3 } } }),
            Effect.as(Effect.yieldNow.pipe(Effect.repeat({ until: () => host.killed() })), "accepted")
          ),
          "accepted"
        )
        const second = crash === undefined ? host : yield* world.restart(host, layer)
        yield* world.look
        assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
        assert.deepInclude((yield* world.approvals(id))[0], { status: "open" })
        const [note] = yield* refusals(world, id)
        assert.include(note, "answer refused: the approval by ann of question \"pay\" is not taken")
        assert.include(note, "an even number of cents")
        assert.strictEqual(
          yield* world.answer(id, "pay", { decision: "approve", by: "bob", edit: { value: { cents: 3 } } }),
          "edit"
        )
        assert.strictEqual(
          yield* world.answer(id, "pay", { decision: "approve", by: "bob", edit: { value: { cents: 4 } } }),
          "accepted"
        )
        yield* assertOutput(second, W, id, [4, "bob"])
        yield* second.kill
      }
    }))

  it.effect("S9: a build that asks about something else than was approved does not go on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const program = (cents: number) =>
        W.toLayer(() =>
          Effect.andThen(pay({ args: { schema: Pay, value: { cents } } }), Effect.as(Effect.sleep("1 day"), cents))
        )
      const first = yield* world.start(program(5))
      const id = yield* begin(first, W)
      yield* world.answer(id, "pay", { decision: "approve", by: "ann" })
      const second = yield* world.restart(first, program(500))
      assert.deepInclude((yield* world.waits(id))[0], { reason: "diverged", key: "pay" })
      const third = yield* world.restart(second, program(5))
      yield* pass(third, "1 day")
      yield* assertOutput(third, W, id, 5)
    }))
})

describe("S16: a deadline is an answer among others", () => {
  it.effect("an answer acknowledged before the deadline decides, however late the owner hears of it", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying({ deadline: "1 hour" }))
      const id = yield* begin(host, W)
      host.freeze()
      yield* TestClock.adjust(3_599_999)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* TestClock.adjust("1 hour")
      yield* host.thaw
      yield* world.look
      yield* assertOutput(host, W, id, [5_100, null, "ann"])
      assert.isEmpty(yield* refusals(world, id))
    }))

  for (const worker of [true, false]) {
    it.effect(`an answer after the deadline is late, ${worker ? "and the owner has decided" : "although no worker runs"}`, () =>
      Effect.gen(function*() {
        const { host, runs, world } = yield* setUp(paying({ deadline: "1 hour" }))
        const id = yield* begin(host, W)
        if (!worker) yield* host.close
        yield* TestClock.adjust("1 hour")
        if (worker) yield* world.look
        const late = yield* message(runs.answer(id, { decision: "approve", by: "ann" }))
        assert.strictEqual(late, `Approval ${id}/pay is answered already: denied at its deadline, 0 s ago`)
        if (!worker) yield* world.start(paying({ deadline: "1 hour" }))
        yield* world.look
        const answers = (yield* world.journal(id)).flatMap((entry) =>
          entry._tag === "ApprovalAnswered" ? [[entry.decision, entry.by]] : []
        )
        assert.deepStrictEqual(answers, [["timeout", "deadline"]])
      }))
  }

  it.effect("a store that fails as the deadline passes is asked again, and loses neither the deadline nor an answer", () =>
    Effect.gen(function*() {
      const { host, world } = yield* setUp(
        W.toLayer(() =>
          Effect.map(Effect.exit(pay({ deadline: "1 hour" })), (exit) => Exit.isSuccess(exit) ? "paid" : "denied")
        )
      )
      const id = yield* begin(host, W)
      host.failWrites(1, "before")
      yield* TestClock.adjust("1 hour")
      yield* world.adjustHost(1_000)
      yield* world.adjustHost(1_000)
      yield* assertOutput(host, W, id, "denied")
    }))
})

describe("S16: no acknowledged message dies with its run", () => {
  const Parked = W.annotate(Workflow.SuspendOnFailure, true)
  /** Asks, and fails after a minute until it is mended. */
  const failing = (
    log: Log,
    together: (
      asked: ReturnType<typeof pay>,
      rest: Effect.Effect<void>
    ) => Effect.Effect<unknown, Approval.Denied, Effect.Services<ReturnType<typeof pay>>>
  ) =>
    Parked.toLayer(() =>
      together(
        pay({ quorum: 2 }),
        Effect.andThen(
          Effect.sleep("1 minute"),
          Effect.suspend(() => log.entries.length === 0 ? Effect.die(new Error("broken")) : Effect.void)
        )
      )
    )

  it.effect("a question that a failure withdrew, on which its run is suspended, is asked again with its answers when that is resumed", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, runs, world } = yield* setUp(
        failing(
          log,
          (asked, rest) => Effect.map(Effect.all([asked, rest], { concurrency: "unbounded" }), ([{ by }]) => by)
        )
      )
      const id = yield* begin(host, Parked)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* world.look
      yield* pass(host, "1 minute")
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.include(yield* message(runs.answer(id, { decision: "approve", by: "cy" })), "has no open approval")
      log.entries.push("mended")
      yield* runs.resume(id, { by: "ops" })
      yield* world.look
      assert.include(
        yield* message(runs.answer(id, { decision: "approve", by: "ann" })),
        "1 of 2, still wanted: one of bob, cy"
      )
      assert.strictEqual((yield* runs.answer(id, { decision: "approve", by: "cy" })).status, "granted")
      yield* world.look
      yield* assertOutput(host, Parked, id, ["ann", "cy"])
    }))

  it.effect("answers that come while a run is suspended on its failure decide when it is resumed", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, runs, world } = yield* setUp(failing(log, (asked, rest) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkDetach(asked)
          yield* rest
          return (yield* Fiber.join(fiber)).by
        })))
      const id = yield* begin(host, Parked)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* world.look
      yield* pass(host, "1 minute")
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.strictEqual((yield* runs.answer(id, { decision: "approve", by: "cy" })).status, "granted")
      yield* world.look
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.isEmpty(yield* world.inbox(id))
      assert.isEmpty(yield* world.approvals(id))
      log.entries.push("mended")
      yield* runs.resume(id, { by: "ops" })
      yield* world.look
      yield* assertOutput(host, Parked, id, ["ann", "cy"])
    }))

  it.effect("an answer to a question that lost its race is journaled as late", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(W.toLayer(() =>
        Effect.andThen(
          Effect.raceFirst(Effect.asVoid(pay()), Effect.asVoid(Signal.receive(Go))),
          Effect.as(Effect.sleep("1 hour"), "end")
        )
      ))
      const id = yield* begin(host, W)
      host.freeze()
      yield* runs.signal(id, "go", null)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* host.thaw
      yield* world.look
      assert.deepStrictEqual(yield* refusals(world, id), [
        "answer late: the approval by ann of question \"pay\" came when the question had been withdrawn"
      ])
      const entries = yield* world.journal(id)
      assert.isTrue(
        entries.some((entry) => entry._tag === "MessageRefused" && entry.kind === "answer" && entry.id !== undefined)
      )
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, "end")
    }))

  for (
    const [what, send, note] of [
      [
        "an answer",
        (runs: Runs.Runs["Service"], id: string) => runs.answer(id, { decision: "deny", by: "ann" }),
        "answer late: the denial by ann of question \"pay\" came when the run had ended"
      ],
      [
        "a signal",
        (runs: Runs.Runs["Service"], id: string) => runs.signal(id, "go", 1),
        "signal late: signal \"go\" came when the run had ended"
      ],
      [
        "a raise of the budget",
        (runs: Runs.Runs["Service"], id: string) => runs.raise(id, { micros: 5, by: "ops" }),
        "signal late: the raise of the budget by ops came when the run had ended"
      ],
      [
        "a cancel",
        (runs: Runs.Runs["Service"], id: string) => runs.cancel(id, { by: "ops", reason: "enough" }),
        "cancel late: the cancel by ops (enough) came when the run had ended"
      ],
      [
        "a pause",
        (runs: Runs.Runs["Service"], id: string) => runs.pause(id, { by: "ops" }),
        "pause late: the pause by ops came when the run had ended"
      ]
    ] as const
  ) {
    it.effect(`${what} that comes beside the end of the run is in its journal, and the run replays`, () =>
      Effect.gen(function*() {
        const log = new Log()
        const layer = W.toLayer(() =>
          Effect.andThen(
            Effect.raceFirst(Effect.asVoid(Effect.ignore(pay())), Effect.sleep("1 hour")),
            echo(log)("done")
          )
        )
        const { host, runs, world } = yield* setUp(layer)
        const id = yield* begin(host, W)
        // The end is decided and not yet written when somebody else writes.
        host.freeze()
        yield* TestClock.adjust("1 hour")
        yield* send(runs, id)
        yield* host.thaw
        yield* world.look
        assert.strictEqual((yield* world.run(id)).status, "completed")
        assert.deepStrictEqual(yield* refusals(world, id), [note])
        assert.isEmpty(yield* world.inbox(id))
        assert.strictEqual((yield* world.journal(id)).at(-1)?._tag, "RunCompleted")
        assert.deepStrictEqual(log.entries, ["echo done"])
      }))
  }

  it.effect("a run that nobody speaks to ends with no commit more", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      let commits = 0
      const write: Backend["write"] = (ops) => {
        commits += ops.filter(({ op }) => op === "commit").length
        return backend.write(ops)
      }
      const world = yield* CrashHost.makeOn({ ...backend, write })
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => echo(log)("x")))
      yield* begin(host, W)
      assert.strictEqual(commits, 2, "one before the step begins, and one with its outcome and the end")
    }))
})

describe("S3: questions of an older build", () => {
  it.effect("are judged by the answers in their journals and inboxes", () =>
    Effect.gen(function*() {
      const { host, runs, world } = yield* setUp(paying({ quorum: 3 }))
      const id = yield* begin(host, W)
      yield* runs.answer(id, { decision: "approve", by: "ann" })
      yield* world.look
      yield* host.close
      const [row] = yield* world.approvals(id)
      const { hash } = JSON.parse(row!.question) as { readonly hash: string }
      yield* world.tell(id, "answer", { key: "pay", decision: "approve", by: "bob", hash })
      const [stored] = [...world.store.approvals.values()]
      Object.assign(stored!.row, { answers: null, version: 0 })
      assert.include(
        yield* message(runs.answer(id, { decision: "approve", by: "ann" })),
        "ann has approved it already; 2 of 3, still wanted: cy"
      )
      assert.include(yield* message(runs.answer(id, { decision: "approve", by: "bob" })), "bob has approved it already")
      assert.strictEqual((yield* runs.answer(id, { decision: "approve", by: "cy" })).status, "granted")
      const second = yield* world.start(paying({ quorum: 3 }))
      yield* world.look
      yield* assertOutput(second, W, id, [5_100, null, "ann", "bob", "cy"])
    }))
})
