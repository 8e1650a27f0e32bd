/** Programs that wait for everything that a person may be asked for, under names that a shell would take apart. */
import * as Agent from "@fermata/agent/Agent"
import * as McpHttp from "@fermata/agent/mcp/McpHttp"
import * as McpOAuth from "@fermata/agent/mcp/McpOAuth"
import { defineConfig } from "@fermata/cli/Config"
import { Llm } from "@fermata/contracts/Llm"
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

const Ruled = define("ruled")
const RuledLayer = Ruled.toLayer(() =>
  Effect.map(
    Approval.ask("Bash", {
      prompt: "May it?",
      approvers: ["ann"],
      standing: { agent: "an agent", workspace: "/it's", rules: ["Bash(it's fine)", "Bash(it's fine:*)"] }
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
const Paying = define("paying")

/** Names that look like options. */
const Dashed = define("dashed")
const Go = Signal.make("-go")

const Amount = Schema.Struct({ cents: Schema.Int })
const Editing = define("editing")
const EditingLayer = Editing.toLayer(() =>
  Effect.map(
    Approval.ask("pay", {
      prompt: "Pay?",
      approvers: ["ann", "-bob"],
      quorum: 2,
      args: { schema: Amount, value: { cents: 1 }, editable: true }
    }),
    ({ args }) => args
  )
)

const keep = Step.make("keep", {
  onCrash: "rerun",
  run: (_, { keep }) =>
    Effect.asVoid(Effect.orDie(Effect.all([keep("yes", { name: "twice" }), keep("no", { name: "twice" })])))
})
const Keeping = define("keeping")

const Forever = define("forever")
const Crowd = define("crowd")

const text = (name: string) =>
  Step.make(name, {
    input: Schema.String,
    success: Schema.String,
    onCrash: "rerun",
    run: (before) => Effect.succeed(`${before}${name}`)
  })

/** A body that changes with the code: `PRINTED_CHANGED` stands for another build. */
const Drifting = define("drifting")
const DriftingLayer = Drifting.toLayer(() =>
  Effect.flatMap(
    text(process.env["PRINTED_CHANGED"] === undefined ? "one" : "another")("x"),
    (output) => Effect.as(Signal.receive(Go), output)
  )
)

/** A body that ends its process before it gets anywhere. */
const Dying = define("dying")
const DyingLayer = Dying.toLayer(() =>
  process.env["PRINTED_GO"] === undefined ? Effect.sync(() => process.exit(1)) : Effect.void
)

const build = Step.make("build", {
  onCrash: "rerun",
  run: () =>
    process.env["PRINTED_GO"] === undefined
      ? Effect.andThen(Effect.sync(() => console.log("build begins")), Effect.never)
      : Effect.void
})
const Building = define("building")
const Napping = define("napping")

const Chain = define("chain")
const ChainLayer = Chain.toLayer(() =>
  text("a")("").pipe(Effect.flatMap(() => text("-b")("")), Effect.flatMap(text("c")))
)

/** It may spend less on a day than a call may cost. */
const Thrifty = Agent.make("thrifty", { instructions: "You write.", model: "scripted", dailyBudget: { tokens: 100 } })

/** It needs an MCP server at which nobody has logged in, where a test has one. */
const Filing = Agent.make("filing", { instructions: "You file.", model: "scripted", mcp: ["guarded"] })
const { PRINTED_ISSUER = "", PRINTED_MCP } = process.env
const guarded = PRINTED_MCP === undefined ? undefined : McpHttp.server({
  url: PRINTED_MCP,
  oauth: McpOAuth.make({ origins: [PRINTED_ISSUER], redirectUrl: "http://127.0.0.1:33522/callback" })
})

export default defineConfig({
  agents: [
    { agent: Thrifty, layer: Thrifty.layer },
    ...(guarded === undefined ? [] : [{ agent: Filing, layer: Filing.layer }])
  ],
  ...(guarded === undefined ? {} : { mcp: { guarded } }),
  workflows: [
    Undeclared.toLayer(paid),
    Declared.toLayer(paid),
    AskingLayer,
    RuledLayer,
    Parent.toLayer(() => Asking.execute({ id: "child" })),
    Slow.toLayer(() => Effect.asVoid(Effect.timeoutOption(Signal.receive(Shipped), "3 days"))),
    Acting.toLayer(() => Effect.map(act(), ({ receipt }) => receipt)),
    Paying.toLayer(() => Effect.map(Workflows.awaitBudget({ micros: 2_500_000 }), ({ raised }) => raised)),
    Failing.toLayer(() => Effect.die(new Error("it was made to fail"))),
    Dashed.toLayer(() => Effect.as(Signal.receive(Go), "gone")),
    EditingLayer,
    Keeping.toLayer(() => keep()),
    Forever.toLayer(() => Effect.sleep(Infinity)),
    Crowd.toLayer(() =>
      Effect.forEach(Array(21).keys(), (index) => Forever.execute({ id: `${index}` }, { discard: true }))
    ),
    DriftingLayer,
    DyingLayer,
    Building.toLayer(() => build()),
    Napping.toLayer(() => Effect.as(Effect.sleep("30 seconds"), "rested")),
    ChainLayer
  ],
  contracts: "*.json",
  llm: Llm.layerScripted([])
})
