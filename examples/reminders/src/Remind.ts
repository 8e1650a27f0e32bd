/** Reminds every day until somebody says that it is done, or until 14 days have passed. */
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Context, Effect, Layer, Option, Ref, Schedule, Schema } from "effect"
import { Workflow } from "effect/workflow"

export class Mail extends Context.Service<Mail, {
  readonly send: (to: string, text: string) => Effect.Effect<void>
}>()("reminders/Mail") {
  static readonly layerConsole = Layer.succeed(Mail, {
    send: (to, text) => Effect.sync(() => console.log(`  to ${to}: ${text}`))
  })
}

export const Done = Signal.make("done", { schema: Schema.Struct({ by: Schema.String }) })

export const Remind = Workflow.make("remind", {
  payload: { task: Schema.String, to: Schema.String },
  success: Schema.Struct({
    doneBy: Schema.NullOr(Schema.String),
    reminders: Schema.Int
  }),
  idempotencyKey: ({ task }) => task
})

const send = Step.make("send", {
  input: { to: Schema.String, text: Schema.String },
  onCrash: "rerun",
  run: ({ text, to }) => Mail.use((mail) => mail.send(to, text))
})

export const RemindLayer = Remind.toLayer(
  Effect.fn("Remind")(function*({ task, to }) {
    const reminders = yield* Ref.make(0)

    const remind = Effect.gen(function*() {
      const number = yield* Ref.updateAndGet(reminders, (n) => n + 1)
      yield* send({ to, text: `reminder ${number}: ${task}` })
    })

    const done = yield* Signal.receive(Done).pipe(
      Effect.raceFirst(Effect.repeat(remind, Schedule.spaced("1 day")).pipe(Effect.andThen(Effect.never))),
      Effect.timeoutOption("14 days")
    )

    return {
      doneBy: Option.isSome(done) ? done.value.by : null,
      reminders: yield* Ref.get(reminders)
    }
  })
)
