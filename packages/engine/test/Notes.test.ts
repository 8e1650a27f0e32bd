import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Schedule, Schema } from "effect"
import * as Approval from "../src/Approval.ts"
import { Events } from "../src/Events.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, Declined, define, echo, Log, untilKilled } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go", { schema: Schema.String })

const notes = (journal: ReadonlyArray<{ readonly _tag: string }>) =>
  journal.flatMap((entry) =>
    entry._tag === "Note" ? [entry as unknown as { kind: string; text: string; data?: unknown }] : []
  )

describe("Workflows.note", () => {
  it.effect("S4: a note of a body is in the journal once, wherever its process is killed", () =>
    Effect.gen(function*() {
      let crashes = 0
      for (const when of ["before", "after"] as const) {
        for (let count = 1;; count++) {
          const world = yield* CrashHost.make
          const log = new Log()
          const layer = W.toLayer(() =>
            Effect.gen(function*() {
              yield* Workflows.note("seen", "first")
              yield* echo(log, "a")("1")
              yield* Workflows.note("seen", "again", { n: 1 })
              yield* Workflows.note("seen", "again", { n: 2 })
              yield* echo(log, "b")("2")
              yield* Workflows.note("seen", "last")
              return yield* Signal.receive(Go)
            })
          )
          const first = yield* world.start(layer, { killAt: { count, when } })
          yield* Effect.raceFirst(begin(first, W), untilKilled(first))
          const crashed = first.killed()
          const second = yield* world.restart(first, layer)
          const id = yield* begin(second, W)
          // The notes are the last that the journal holds, but for the end of the pass.
          const third = yield* world.restart(second, layer)
          yield* world.tell(id, "signal", { name: "go", payload: "done" })
          yield* assertOutput(third, W, id, "done")
          assert.deepStrictEqual(
            notes(yield* world.journal(id)).map(({ data, kind, text }) => [kind, text, data]),
            [
              ["seen", "first", undefined],
              ["seen", "again", { n: 1 }],
              ["seen", "again", { n: 2 }],
              ["seen", "last", undefined]
            ]
          )
          if (!crashed) break
          crashes++
        }
      }
      assert.isAbove(crashes, 3)
    }))

  it.effect("nothing in a run follows from one: code that makes another, or none, goes on with the journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const program = (note: Effect.Effect<void>) =>
        W.toLayer(() =>
          Effect.gen(function*() {
            yield* note
            yield* echo(new Log(), "a")("1")
            return yield* Signal.receive(Go)
          })
        )
      const first = yield* world.start(program(Workflows.note("seen", "old")))
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, program(Workflows.note("seen", "new")))
      yield* second.settled
      const third = yield* world.restart(second, program(Effect.void))
      yield* third.settled
      yield* world.tell(id, "signal", { name: "go", payload: "went" })
      yield* assertOutput(third, W, id, "went")
      assert.deepStrictEqual(notes(yield* world.journal(id)).map(({ text }) => text), ["old"])
    }))

  it.effect("a step makes one at every attempt, with its outcome at the latest; what cannot be stored is null", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const twice = Step.make("twice", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.recurs(1),
        run: (_, { attempt, key }) =>
          Effect.andThen(
            Workflows.note("tried", key, attempt === 1 ? { attempt } : { attempt: () => attempt }),
            attempt === 1 ? Effect.fail(new Declined({ reason: "once more" })) : Effect.void
          )
      })
      const host = yield* world.start(W.toLayer(() => Effect.as(twice(), "done")))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, "done")
      const journal = yield* world.journal(id)
      assert.deepStrictEqual(notes(journal).map(({ data, text }) => [text, data]), [
        ["twice", { attempt: 1 }],
        ["twice", null]
      ])
      const tags = journal.map(({ _tag }) => _tag)
      assert.isBelow(tags.lastIndexOf("Note"), tags.lastIndexOf("StepCompleted"))
    }))

  it.effect("is refused outside of a run, and under the name of what the engine notes itself", () =>
    Effect.gen(function*() {
      const outside = yield* Effect.exit(Workflows.note("seen", "x"))
      assert.isTrue(Exit.isFailure(outside))
      assert.include(String(Exit.isFailure(outside) && Cause.squash(outside.cause)), "made outside of a run")
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(() =>
          Effect.map(
            Effect.exit(Workflows.note("step-late", "x")),
            (exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "made"
          )
        )
      )
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, "Error: Notes of the kind \"step-late\" are the engine's own")
    }))
})

describe("an answer that comes as an event", () => {
  it.effect("counts wherever the question is, and is ignored where it may not be given", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(() =>
          Effect.map(
            Effect.result(Approval.ask("pay", { prompt: "Pay?", approvers: ["ada"] })),
            (answer) => answer._tag
          )
        )
      )
      const id = yield* begin(host, W)
      const say = (name: string, payload: Schema.Json) =>
        host.use(Effect.provide(Effect.flatMap(Events, (events) => events.emit(name, payload)), Events.layer))
      yield* say("engine.approval.granted", { runId: id, stepId: "pay", grantedBy: "eve" })
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* say("engine.approval.granted", { runId: id, stepId: "pay", grantedBy: "ada" })
      yield* host.settled
      yield* assertOutput(host, W, id, "Success")
    }))
})
