/**
 * What older builds have begun and today's goes on with: one workflow whose runs
 * each stand in another way. It is written in what every build since the first
 * has, and so is `recordOlder.ts`, which older builds have run.
 */
import * as Approval from "@fermata/engine/Approval"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"

const Go = Signal.make("go")

class Refused extends Schema.TaggedError<Refused>()("Refused", { reason: Schema.String }) {}

/** How its runs stand in the database of an older build, by the names of their ways. */
export const ways = {
  done: "completed",
  failed: "failed",
  cancelled: "cancelled",
  queued: "queued",
  sleeps: "suspended",
  listens: "suspended",
  /** Its signal is in its inbox. */
  heard: "suspended",
  asks: "suspended",
  /** The answer is in its inbox. */
  answered: "suspended",
  parent: "suspended",
  paused: "suspended",
  /** In the middle of what it undoes. */
  undoes: "suspended",
  /** A process has died in its step, and the next waits for an operator. */
  unknown: "suspended",
  /** A process that has died has it, in a step that is not to be repeated unasked. */
  cut: "running",
  /** The same, in a step that may be repeated. */
  repeated: "running"
} as const
export type Way = keyof typeof ways

export const Older = Workflow.make("older", {
  payload: { way: Schema.String },
  success: Schema.String,
  error: Refused,
  idempotencyKey: ({ way }) => way
})
const Child = Workflow.make("older-child", {
  payload: { of: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ of }) => of
})

/** The id of the child of the run `parent`. */
export const childId = Child.executionId({ of: "parent" })

/** Serves them. `did` is told of each body of a step; what it gives says whether that body ends. */
export const layer = (did: (step: string) => Effect.Effect<void>) => {
  const step = (name: string, onCrash: "rerun" | "ask" = "rerun") =>
    Effect.orDie(Step.make(name, { success: Schema.String, onCrash, run: () => Effect.as(did(name), name) })())
  const child = Child.toLayer(() =>
    Effect.gen(function*() {
      yield* step("child 1")
      yield* Signal.receive(Go)
      return yield* step("child 2")
    })
  )
  const older = Older.toLayer(({ way }) =>
    Effect.gen(function*() {
      const first = `${way} 1`
      switch (way as Way) {
        case "unknown":
        case "cut":
          yield* step(first, "ask")
          break
        case "undoes":
          yield* Older.withCompensation(step(first), () =>
            Effect.gen(function*() {
              yield* step("undoes back 1")
              yield* Signal.receive(Go)
              yield* step("undoes back 2")
            }))
          return yield* new Refused({ reason: "no" })
        default:
          yield* step(first)
      }
      switch (way as Way) {
        case "failed":
          return yield* new Refused({ reason: "no" })
        case "sleeps":
          yield* Effect.sleep("5 minutes")
          break
        case "asks":
        case "answered":
          yield* Effect.orDie(Approval.ask("good", { prompt: "Good?", approvers: ["ann"] }))
          break
        case "parent":
          yield* Effect.orDie(Child.execute({ of: way }))
          break
        case "cancelled":
        case "listens":
        case "heard":
        case "paused":
          yield* Signal.receive(Go)
          break
        default:
      }
      return yield* step(`${way} 2`)
    })
  )
  return Layer.merge(older, child)
}
