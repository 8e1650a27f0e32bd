import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Schema } from "effect"
import * as Approval from "../src/Approval.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Signal from "../src/Signal.ts"
import { assertOutput, begin, define, echo, exitOf, giveWay, Log, pass } from "./support/Program.ts"

const W = define("W", { error: Approval.Denied })
const Go = Signal.make("go")

/** Answers as somebody would who is checked. */
const answer = (
  world: CrashHost.World,
  id: string,
  decision: "approve" | "deny",
  by: string,
  rest: {
    readonly key?: string
    readonly choice?: string
    readonly note?: string
    readonly edit?: unknown
    readonly seen?: string
  } = {}
) => {
  const { edit, key = "ok", ...more } = rest
  return world.answer(id, key, { decision, by, ...(edit === undefined ? {} : { edit: { value: edit } }), ...more })
}

describe("Approval", () => {
  it.effect("an answer with a choice that was not offered is passed over with a note", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() =>
        Effect.map(
          Approval.ask("color", { prompt: "Which?", approvers: ["ada"], choices: ["red", "blue"] }),
          (answer) => answer.choice
        )
      ))
      const id = yield* begin(host, W)
      yield* world.tell(id, "answer", { key: "color", decision: "approve", by: "ada", choice: "green" })
      assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
      assert.isTrue(
        (yield* world.journal(id)).some((entry) => entry._tag === "MessageRefused" && entry.kind === "answer")
      )
      yield* world.tell(id, "answer", { key: "color", decision: "approve", by: "ada", choice: "blue" })
      yield* assertOutput(host, W, id, "blue")
    }))

  it.effect("a yes gives who said it, the choice and the note, also on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const granted = yield* Approval.ask("ok", {
          prompt: "Ok?",
          approvers: ["ada", "bob"],
          choices: ["now", "later"]
        })
        yield* Effect.sleep("1 day")
        return [granted.by, granted.choice, granted.note]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.deepStrictEqual(yield* world.waits(id), [{
        reason: "approval",
        key: "ok",
        who: ["ada", "bob"],
        detail: "Ok?"
      }])
      yield* answer(world, id, "approve", "bob", { choice: "later", note: "after lunch" })
      assert.isEmpty(yield* world.approvals(id))
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 day")
      yield* assertOutput(second, W, id, [["bob"], "later", "after lunch"])
    }))

  it.effect("a no fails with Denied, which says who and why, and the compensations run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const undo = echo(log, "undo")
      const host = yield* world.start(W.toLayer(() =>
        echo(log)("x").pipe(
          W.withCompensation((value) => Effect.asVoid(undo(value))),
          Effect.andThen(Approval.ask("ok", { prompt: "Ok?", approvers: ["ada"] }))
        )
      ))
      const id = yield* begin(host, W)
      yield* answer(world, id, "deny", "ada", { note: "too dear" })
      assert.deepStrictEqual(
        yield* exitOf(host, W, id),
        Exit.fail(new Approval.Denied({ approval: "ok", by: "ada", note: "too dear", timedOut: false }))
      )
      assert.deepStrictEqual(log.entries, ["echo x", "undo x"])
    }))

  it.effect("only those who are named may answer, and only what is open", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(() => Effect.map(Approval.ask("ok", { prompt: "Ok?", approvers: ["ada"] }), ({ by }) => by))
      )
      const id = yield* begin(host, W)
      assert.strictEqual(yield* answer(world, id, "approve", "mallory"), "approver")
      assert.strictEqual(yield* answer(world, id, "approve", "ada", { key: "other" }), "unknown")
      assert.isEmpty(yield* world.inbox(id))
      assert.strictEqual(yield* answer(world, id, "approve", "ada"), "accepted")
      assert.strictEqual(yield* answer(world, id, "deny", "ada"), "unknown")
      yield* assertOutput(host, W, id, ["ada"])
    }))

  it.effect("a quorum wants that many different people, over a crash too, and one no is enough", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(() =>
        Effect.map(Approval.ask("ok", { prompt: "Ok?", approvers: ["ada", "bob", "cy"], quorum: 2 }), ({ by }) => by)
      )
      const first = yield* world.start(layer)
      const yes = yield* begin(first, W, "yes")
      const no = yield* begin(first, W, "no")
      for (const id of [yes, no]) {
        yield* answer(world, id, "approve", "ada")
        yield* answer(world, id, "approve", "ada")
        assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
      }
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* answer(world, yes, "approve", "ada")
      assert.include(yield* world.run(yes), { status: "suspended", reason: "approval" })
      yield* answer(world, yes, "approve", "cy")
      yield* assertOutput(second, W, yes, ["ada", "cy"])
      yield* answer(world, no, "deny", "bob")
      assert.strictEqual((yield* world.run(no)).status, "failed")
    }))

  for (const [onTimeout, end] of [["deny", "Denied"], ["approve", ["deadline"]], ["fail", "defect"]] as const) {
    it.effect(`onTimeout "${onTimeout}" decides at the deadline, not before, and the same after a crash`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          const result = yield* Approval.ask("ok", { prompt: "Ok?", approvers: ["ada"], deadline: "2 days", onTimeout })
            .pipe(
              Effect.map(({ by }) => by),
              Effect.catchTag(
                "ApprovalDenied",
                ({ by, timedOut }) => Effect.succeed(timedOut && by === "deadline" ? "Denied" : "other")
              ),
              Effect.catchDefect((defect) =>
                Effect.succeed(String(defect).includes("before its deadline") ? "defect" : "other")
              )
            )
          yield* Effect.sleep("1 day")
          return result
        }))
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        assert.strictEqual((yield* world.waits(id))[0]?.until, 2 * 86_400_000)
        yield* first.evict
        yield* pass(first, "47 hours")
        assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
        const second = yield* world.restart(first, layer)
        yield* pass(second, "1 hour")
        assert.include(yield* world.run(id), { status: "suspended", reason: "timer" })
        assert.isEmpty(yield* world.approvals(id))
        assert.strictEqual(yield* answer(world, id, "approve", "ada"), "unknown")
        const third = yield* world.restart(second, layer)
        yield* pass(third, "1 day")
        yield* assertOutput(third, W, id, end)
      }))
  }

  it.effect("a question without a deadline, or with one of infinity, stands for ever", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() =>
        Effect.map(Approval.ask("ok", { prompt: "Ok?", approvers: ["ada"], deadline: Infinity }), ({ by }) => by)
      ))
      const id = yield* begin(host, W)
      yield* pass(host, "300 days")
      yield* host.evict
      yield* host.settled
      const [open] = yield* world.approvals(id)
      assert.isNull(open?.deadline)
      yield* answer(world, id, "approve", "ada")
      yield* assertOutput(host, W, id, ["ada"])
    }))

  it.effect("the arguments come back as they were asked about, or as they were edited, decoded", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const until = new Date("2026-01-02T03:04:05.000Z")
      const Args = Schema.Struct({ cents: Schema.Int, until: Schema.Date })
      const layer = W.toLayer(Effect.fnUntraced(function*({ id }) {
        const { args } = yield* Approval.ask("ok", {
          prompt: "Ok?",
          approvers: ["ada"],
          args: { schema: Args, value: { cents: 5, until }, editable: id !== "fixed" }
        })
        yield* Effect.sleep("1 day")
        return [args.cents, args.until.toISOString()]
      }))
      const host = yield* world.start(layer)
      const plain = yield* begin(host, W, "plain")
      const edited = yield* begin(host, W, "edited")
      const fixed = yield* begin(host, W, "fixed")
      const edit = { cents: 7, until: "2027-01-01T00:00:00.000Z" }
      yield* answer(world, plain, "approve", "ada")
      assert.strictEqual(yield* answer(world, edited, "approve", "ada", { edit: { cents: "seven" } }), "edit")
      assert.strictEqual(yield* answer(world, edited, "approve", "ada", { edit: { ...edit, cent: 7 } }), "edit")
      yield* answer(world, edited, "approve", "ada", { edit })
      assert.strictEqual(yield* answer(world, fixed, "approve", "ada", { edit }), "edit")
      assert.include(yield* world.run(fixed), { status: "suspended", reason: "approval" })
      yield* answer(world, fixed, "approve", "ada")
      yield* host.evict
      yield* pass(host, "1 day")
      yield* assertOutput(host, W, plain, [5, until.toISOString()])
      yield* assertOutput(host, W, edited, [7, edit.until])
      yield* assertOutput(host, W, fixed, [5, until.toISOString()])
    }))

  it.effect("a question that lost a race is closed, and an answer on its way changes nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const won = yield* Effect.raceFirst(
          Effect.as(Approval.ask("ok", { prompt: "Ok?", approvers: ["ada"] }), "asked"),
          Effect.as(Signal.receive(Go), "told")
        )
        yield* Effect.sleep("1 day")
        return won
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* first.close
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.strictEqual(yield* answer(world, id, "approve", "ada"), "accepted")
      const second = yield* world.start(layer)
      yield* second.settled
      assert.isEmpty(yield* world.approvals(id))
      assert.isEmpty(yield* world.inbox(id))
      const third = yield* world.restart(second, layer)
      yield* pass(third, "1 day")
      yield* assertOutput(third, W, id, "told")
    }))

  it.effect("a question that is withdrawn while the store is told of its deadline is answered by nobody", () =>
    Effect.gen(function*() {
      const base = MemoryBackend.make(MemoryBackend.makeStore())
      const gate = Deferred.makeUnsafe<void>()
      let isSlow = false
      const world = yield* CrashHost.makeOn({
        ...base,
        approval: (run, key) => Effect.andThen(isSlow ? Deferred.await(gate) : Effect.void, base.approval(run, key))
      })
      const go = { name: "go", payload: null }
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const won = yield* Effect.raceFirst(
          Effect.as(
            Approval.ask("ok", { prompt: "Ok?", approvers: ["ada"], deadline: "1 hour", onTimeout: "approve" }),
            "asked"
          ),
          Effect.as(Signal.receive(Go), "told")
        )
        yield* Signal.receive(Go)
        return won
      })))
      const id = yield* begin(host, W)
      isSlow = true
      yield* Effect.raceFirst(pass(host, "1 hour"), giveWay(300))
      yield* Effect.raceFirst(world.tell(id, "signal", go), giveWay(300))
      assert.isEmpty(yield* world.approvals(id))
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      assert.isFalse((yield* world.story(id)).some((entry) => entry.startsWith("ApprovalAnswered")))
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, "told")
    }))

  it.effect("the same question asked again is another one, with a key of its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const ask = Effect.map(Approval.ask("ok", { prompt: "Ok?", approvers: ["ada", "bob"] }), ({ by }) => by[0])
        return [yield* ask, ...(yield* Effect.all([ask, ask], { concurrency: 2 }))]
      })))
      const id = yield* begin(host, W)
      yield* answer(world, id, "approve", "ada")
      assert.deepStrictEqual((yield* world.approvals(id)).map(({ key }) => key), ["ok~2", "ok~3"])
      yield* answer(world, id, "approve", "bob", { key: "ok~3" })
      yield* answer(world, id, "approve", "ada", { key: "ok~2" })
      yield* assertOutput(host, W, id, ["ada", "ada", "bob"])
    }))

  it.effect("a question that nobody could answer, or with an impossible quorum, is a defect at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(({ id }) =>
          Approval.ask("ok", {
            prompt: "Ok?",
            approvers: id === "nobody" ? [] : ["ada"],
            quorum: id === "none" ? 0 : 1
          })
        )
      )
      for (const name of ["nobody", "none"]) {
        assert.strictEqual((yield* world.run(yield* begin(host, W, name))).status, "failed")
      }
    }))

  it.effect("S9: a build that asks another prompt under the key diverges", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const program = (prompt: string) =>
        W.toLayer(() => Effect.map(Approval.ask("ok", { prompt, approvers: ["ada"] }), ({ by }) => by))
      const first = yield* world.start(program("Pay 5?"))
      const id = yield* begin(first, W)
      yield* world.restart(first, program("Pay 500?"))
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "ok" })
    }))
})
