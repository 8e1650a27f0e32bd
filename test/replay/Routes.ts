/** Runs whose questions go from one to another, and runs of a store that was put back, whose journals are kept like those of `Recordings.ts`. */
import * as Approval from "@fermata/engine/Approval"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Option, Schema } from "effect"
import { Workflow } from "effect/workflow"

const options = {
  payload: { way: Schema.String },
  success: Schema.String,
  error: Schema.Never,
  idempotencyKey: ({ way }: { readonly way: string }) => way
}
const Go = Signal.make("go")

// ----------------------------------------------------------------------------
// questions that go from one to another

export const Routed = Workflow.make("routed", options)

const routed = Routed.toLayer(
  Effect.fn("Routed")(function*({ way }) {
    const { by } = yield* Effect.orDie(Approval.ask("release", {
      prompt: `Release ${way}?`,
      approvers: ["ann", "bob"],
      quorum: 2,
      notBy: "requester",
      escalate: [{ after: "2 hours", to: ["cfo"] }, { after: "1 day", to: ["board"] }],
      remind: { every: "90 minutes", most: 3 },
      deadline: "7 days",
      onTimeout: "fail"
    }))
    yield* Signal.receive(Go)
    return by.join()
  })
)

/** The question of each way. */
const questionOf = Effect.fnUntraced(function*(way: string) {
  return `${yield* Routed.executionId({ way })}/release`
})

/** Ann has handed the question on, and so has who got it. */
export const handOn = (way: string) =>
  Effect.gen(function*() {
    const runs = yield* Runs
    const question = yield* questionOf(way)
    yield* runs.delegate(question, { by: "ann", to: "dana", note: "on leave" })
    yield* runs.delegate(question, { by: "dana", to: "eve" })
  })

/** Who got the question in the end answers it, and who got it as nobody did. */
export const answerThat = (way: string) =>
  Effect.gen(function*() {
    const runs = yield* Runs
    const question = yield* questionOf(way)
    yield* runs.answer(question, { by: "eve", decision: "approve" })
    yield* runs.answer(question, { by: "cfo", decision: "approve", note: "at last" })
  })

// ----------------------------------------------------------------------------
// runs of a store that was put back

export const Doubted = Workflow.make("doubted", options)

const pay = Step.make("pay", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "ask",
  run: Effect.succeed
})
const probed = Step.make("probed", {
  success: Schema.String,
  onCrash: "probe",
  probe: () => Effect.succeed(Option.some("it is there")),
  // The process that is recorded is stopped in the middle of it.
  run: () => Effect.never
})

const doubted = Doubted.toLayer(
  Effect.fn("Doubted")(function*({ way }) {
    if (way === "begun") yield* Effect.orDie(probed())
    else if (way === "asleep") yield* Effect.sleep("2 days")
    else yield* Signal.receive(Go)
    return yield* Effect.orDie(pay(way))
  })
)

/** `open` is left in doubt, and so is `begun`, of which a step was in flight in the backup. */
export const ways = ["confirmed", "settled", "asleep", "open", "begun"] as const

export const layer = Layer.merge(routed, doubted)
