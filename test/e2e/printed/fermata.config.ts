/** Programs that wait for everything that a person may be asked for, under names that a shell would take apart. */
import { defineConfig } from "@fermata/cli/Config"
import * as Approval from "@fermata/engine/Approval"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import { Effect, Schema } from "effect"
import { Workflow } from "effect/workflow"

const define = <const Name extends string>(name: Name) =>
  Workflow.make(name, {
    payload: { id: Schema.String },
    success: Schema.Unknown,
    error: Approval.Denied,
    idempotencyKey: ({ id }) => id
  })

const Payment = Schema.Struct({
  cents: Schema.Int.check(Schema.isGreaterThan(5)),
  at: Schema.Date,
  by: Schema.Literals(["card", "cash"]),
  note: Schema.NullOr(Schema.String)
})
const Paid = Signal.make("it's paid", { schema: Payment })
const Shipped = Signal.make("shipped", { schema: Schema.Struct({ place: Schema.NonEmptyString }) })

const Undeclared = define("undeclared")
const Declared = define("declared").annotate(Workflows.Signals, [Paid, Shipped])
const paid = () => Effect.map(Signal.receive(Paid), ({ cents }) => cents)

const Asking = define("asking")
const AskingLayer = Asking.toLayer(() =>
  Effect.map(
    Approval.ask("buy it?", {
      prompt: "Buy it?",
      approvers: ["o'hara", "ann b"],
      quorum: 2,
      choices: ["in cash", "card"]
    }),
    ({ by }) => by
  )
)

const Parent = define("parent")
const Slow = define("slow")

const act = Step.make("act", {
  success: Schema.Struct({ receipt: Schema.NonEmptyString }),
  onCrash: "ask",
  run: () =>
    process.env["PRINTED_GO"] === undefined
      ? Effect.andThen(Effect.sync(() => console.log("act begins")), Effect.never)
      : Effect.succeed({ receipt: "r" })
})
const Acting = define("acting")

const Failing = define("failing")

export default defineConfig({
  workflows: [
    Undeclared.toLayer(paid),
    Declared.toLayer(paid),
    AskingLayer,
    Parent.toLayer(() => Asking.execute({ id: "child" })),
    Slow.toLayer(() => Effect.asVoid(Effect.timeoutOption(Signal.receive(Shipped), "3 days"))),
    Acting.toLayer(() => Effect.map(act(), ({ receipt }) => receipt)),
    Failing.toLayer(() => Effect.die(new Error("it was made to fail")))
  ],
  contracts: "*.json"
})
