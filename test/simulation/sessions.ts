/** A run that answers what it is told, and ends when nobody has told it more. */
import type { Wait } from "@fermata/core/Wait"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import type * as Simulator from "@fermata/testing/Simulator"
import { Effect, Layer, Option, Random, Schema } from "effect"
import { Workflow } from "effect/workflow"

export const Session = Workflow.make("session", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})

/** Somebody says each of them once, at some time. */
export const words = { red: "rosso", green: "verde", blue: "blu", grey: "grigio" }
const signals = Object.keys(words).map((name) => Signal.make(name, { schema: Schema.String }))
const Begin = Signal.make("begin")

const reply = Step.make("reply", {
  input: { heard: Schema.Array(Schema.String), mood: Schema.Int },
  onCrash: "rerun",
  run: () => Effect.sleep("1 second")
})

export const layer = Layer.unwrap(Effect.map(Random.Random, (chance) =>
  Session.toLayer(Effect.fnUntraced(function*() {
    const heard: Array<string> = []
    // Of the process, and not of the run.
    const mood = Workflows.decide("mood", Schema.Int, () => chance.nextIntUnsafe())
    const hears = (how: typeof Signal.poll) =>
      Effect.gen(function*() {
        const before = heard.length
        for (const signal of signals) {
          const next = yield* how(signal)
          if (Option.isSome(next)) heard.push(next.value)
        }
        return heard.length > before
      })
    yield* Signal.receive(Begin)
    do {
      while (yield* hears(Signal.poll)) yield* reply({ heard, mood: yield* mood })
    } while (yield* hears(Signal.nextOrEnd))
    return heard
  }))))

/** The run is told to begin, and now and then more than that. */
export const answer = ({ key, reason }: Wait, turn: number): Simulator.Word | undefined =>
  reason !== "signal" || key !== "begin"
    ? undefined
    : turn % 2 === 0
    ? { kind: "signal", message: { name: "red", payload: words.red } }
    : { kind: "signal", message: { name: "begin", payload: null } }
