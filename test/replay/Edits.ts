/**
 * Sample programs with a life each, and edits of them: what somebody may do to
 * the code of a workflow while runs of it are on their way.
 */
import * as Approval from "@fermata/engine/Approval"
import type { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import * as RunState from "@fermata/engine/RunState"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import type { Services } from "@fermata/testing/CrashHost"
import { Effect, Layer, Schedule, Schema, type Scope } from "effect"
import { Activity, DurableDeferred, Workflow, type WorkflowEngine } from "effect/workflow"

type Needs = Engine | Events | Services | WorkflowEngine.WorkflowInstance | Scope.Scope
export type Body = Effect.Effect<unknown, unknown, Needs>

const { Unknown } = Schema
export const Sample = Workflow.make("Sample", {
  payload: { id: Schema.String },
  success: Unknown,
  error: Unknown,
  idempotencyKey: ({ id }) => id
})
const Child = Workflow.make("Child", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

/** The workflows of an edit, for a host. */
export const layerOf = (body: Body, workflow: typeof Sample = Sample): Layer.Layer<never, never, Services> =>
  Layer.merge(
    workflow.toLayer(() => body as never),
    Child.toLayer(({ id }) => Effect.as(Effect.orDie(step("grow")), id))
  ).pipe(Layer.provide(Events.layer)) as never

/** What happens to a run from outside. */
export type Act =
  | { readonly pass: string }
  | { readonly signal: string }
  | { readonly approve: string }

interface Program {
  readonly body: Body
  readonly acts: ReadonlyArray<Act>
}

/** A program, what was done to it, the new body, and for one that breaks where code and journal part. */
export type Edit = readonly [
  base: keyof typeof programs,
  what: string,
  body: Body,
  at?: string | RegExp | undefined,
  workflow?: typeof Sample
]

// ----------------------------------------------------------------------------
// pieces
// ----------------------------------------------------------------------------

interface StepOptions {
  readonly onCrash?: "rerun" | "rerun-keyed" | "ask"
  readonly key?: string
  readonly success?: Schema.Codec<unknown>
  readonly error?: Schema.Codec<unknown>
  readonly label?: string
  readonly timeout?: "1 minute"
  readonly retry?: Schedule.Schedule<unknown, unknown>
}

/** Answers with its name and input; `fails` fails. */
const step = (name: string, input: unknown = "x", { key, onCrash = "rerun", ...rest }: StepOptions = {}): Body =>
  Step.make(name, {
    input: Unknown,
    success: Unknown,
    error: Unknown,
    onCrash,
    ...(key === undefined ? {} : { key: () => key }),
    ...rest,
    run: (input) => name === "fails" ? Effect.fail("broken") : Effect.succeed(`${name} ${String(input)}`)
  } as Step.Options<typeof Unknown, typeof Unknown, typeof Unknown, never>)(input)

const seq = (...bodies: ReadonlyArray<Body>): Body => Effect.map(Effect.all(bodies), (all) => all.at(-1))
const all = (bodies: ReadonlyArray<Body>, concurrency: number | "unbounded" = "unbounded"): Body =>
  Effect.all(bodies, { concurrency })
const wait = (name: string): Body => Signal.receive(Signal.make(name, { schema: Unknown }))
const sleep = (duration: "1 hour" | "1 day" | "2 days"): Body => Effect.sleep(duration)
const ask = (name: string, prompt = "May we?", more: object = {}): Body =>
  Effect.orDie(Approval.ask(name, { prompt, approvers: ["boss"], ...more }))
const childOf = (id: string, success: Schema.Codec<unknown>): Body =>
  Workflow.make("Child", { payload: { id: Schema.String }, success, idempotencyKey: ({ id }) => id }).execute({
    id
  }) as Body
const child = (id: string): Body => childOf(id, Schema.String)
const Count = RunState.make("count", { schema: Schema.Int, initial: 0 })
const set = (count: number): Body => RunState.update(Count, () => count)
const emit = (name: string, payload: number): Body => Effect.flatMap(Events, (events) => events.emit(name, payload))
const timeout = (body: Body, duration: "1 hour" | "2 hours" = "1 hour"): Body => Effect.timeout(body, duration)
const race = (a: Body, b: Body): Body => Effect.race(a, b)
const caught = (body: Body, other: Body): Body => Effect.catch(body, () => other)
const rounds = (round: (tick: unknown, index: number) => Body): Body =>
  Effect.forEach([0, 1, 2], (index) => Effect.flatMap(wait("tick"), (tick) => round(tick, index)))
const items = (keys: ReadonlyArray<string>, key = (item: string) => item): Body =>
  Effect.forEach(keys, (item) => step("item", item, { key: key(item) }))
const undone = (body: Body, undo: Body): Body => Sample.withCompensation(body as never, () => undo as never) as never
const activity = (name: string, success: Schema.Codec<unknown> = Schema.String): Body =>
  Activity.make({ name, success, execute: Effect.succeed(name) }) as Body
/** A race whose outcome is recorded. */
const raced = (name: string, ...effects: readonly [Body, ...Array<Body>]): Body =>
  DurableDeferred.raceAll({ name, success: Unknown, error: Unknown, effects }) as Body
const end = wait("end")

const [delivered, go, tick]: ReadonlyArray<Act> = [{ signal: "delivered" }, { signal: "go" }, { signal: "tick" }]

/** The programs as they were when their runs lived. */
export const programs = {
  order: {
    body: seq(step("reserve"), step("charge"), sleep("1 day"), step("ship"), wait("delivered"), step("survey"), end),
    acts: [{ pass: "1 day" }, delivered!]
  },
  fan: { body: seq(all([step("a"), step("b"), step("c")]), step("join"), wait("go"), step("last"), end), acts: [go!] },
  people: { body: seq(step("draft"), ask("review"), step("publish"), end), acts: [{ approve: "review" }] },
  family: { body: seq(step("plan"), child("kid"), step("sum"), end), acts: [] },
  facts: {
    body: seq(set(1), emit("opened", 1), step("work"), set(2), wait("go"), emit("closed", 2), step("bye"), end),
    acts: [go!]
  },
  limits: {
    body: seq(timeout(step("slow")), race(wait("go"), sleep("1 day")), step("after"), end),
    acts: [{ pass: "1 day" }]
  },
  caught: { body: seq(caught(step("fails"), step("mend")), step("rest"), end), acts: [] },
  keyed: { body: seq(items(["p", "q"]), step("total"), end), acts: [] },
  loop: { body: seq(rounds((_, index) => step("handle", index)), end), acts: [tick!, tick!, tick!] },
  undo: { body: seq(undone(step("take"), step("give")), step("use"), Effect.fail("no")), acts: [] },
  contest: {
    body: seq(
      Effect.flatMap(raced("a", Effect.succeed("one")), (won) => step("note", won)),
      raced("b", step("fast"), wait("never")),
      step("prize"),
      end
    ),
    acts: []
  },
  done: {
    body: seq(step("one"), sleep("1 hour"), step("two"), activity("act"), step("three")),
    acts: [{ pass: "1 hour" }]
  }
} satisfies Record<string, Program>

const hash = /^[0-9a-f]{32}$/
const Wider = Workflow.make("Sample", {
  payload: { id: Schema.String, region: Schema.String },
  success: Unknown,
  error: Unknown,
  idempotencyKey: ({ id }) => id
}) as unknown as typeof Sample
const Optional = Workflow.make("Sample", {
  payload: { id: Schema.String, region: Schema.optionalKey(Schema.String) },
  success: Unknown,
  error: Unknown,
  idempotencyKey: ({ id }) => id
}) as unknown as typeof Sample

/** Edits after which a run would suspend as `diverged`. */
export const breaking: ReadonlyArray<Edit> = [
  [
    "order",
    "the first step is renamed",
    seq(step("hold"), step("charge"), sleep("1 day"), step("ship"), wait("delivered"), step("survey"), end),
    "hold"
  ],
  [
    "order",
    "a step in the middle is renamed",
    seq(step("reserve"), step("pay"), sleep("1 day"), step("ship"), wait("delivered"), step("survey"), end),
    "pay"
  ],
  [
    "order",
    "a step gets another input",
    seq(step("reserve"), step("charge", "y"), sleep("1 day"), step("ship"), wait("delivered"), step("survey"), end),
    "charge"
  ],
  [
    "order",
    "the first step is gone",
    seq(step("charge"), sleep("1 day"), step("ship"), wait("delivered"), step("survey"), end),
    "reserve"
  ],
  [
    "order",
    "a step in the middle is gone",
    seq(step("reserve"), step("charge"), sleep("1 day"), wait("delivered"), step("survey"), end),
    "ship"
  ],
  [
    "order",
    "a step is new at the beginning",
    seq(
      step("audit"),
      step("reserve"),
      step("charge"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    ),
    "audit"
  ],
  [
    "order",
    "a step is new in the middle",
    seq(
      step("reserve"),
      step("charge"),
      step("audit"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    ),
    "audit"
  ],
  [
    "order",
    "two steps change places",
    seq(step("charge"), step("reserve"), sleep("1 day"), step("ship"), wait("delivered"), step("survey"), end),
    "reserve"
  ],
  [
    "order",
    "a step is asked for twice",
    seq(
      step("reserve"),
      step("charge"),
      step("charge"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    ),
    "charge~2"
  ],
  [
    "order",
    "the sleep is gone",
    seq(step("reserve"), step("charge"), step("ship"), wait("delivered"), step("survey"), end),
    "timer 1"
  ],
  [
    "order",
    "a second sleep is new",
    seq(
      step("reserve"),
      step("charge"),
      sleep("1 day"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    ),
    "timer 2"
  ],
  [
    "order",
    "a wait becomes a sleep",
    seq(step("reserve"), step("charge"), sleep("1 day"), step("ship"), sleep("1 day"), step("survey"), end),
    "timer 2"
  ],
  [
    "order",
    "a wait is for another signal",
    seq(step("reserve"), step("charge"), sleep("1 day"), step("ship"), wait("arrived"), step("survey"), end),
    "survey"
  ],
  ["order", "it ends early", seq(step("reserve"), step("charge")), "timer 1"],
  [
    "order",
    "it dies early",
    seq(step("reserve"), step("charge"), sleep("1 day"), step("ship"), Effect.die("bug")),
    "delivered"
  ],
  ["order", "the payload has a new field", seq(step("reserve"), step("charge")), "payload", Wider],
  ["fan", "a branch is gone", seq(all([step("a"), step("c")]), step("join"), wait("go"), step("last"), end), "b"],
  [
    "fan",
    "a branch is new",
    seq(all([step("a"), step("b"), step("c"), step("d")]), step("join"), wait("go"), step("last"), end),
    "d"
  ],
  [
    "fan",
    "branches come one after another",
    seq(all([step("a"), step("b"), step("c")], 1), step("join"), wait("go"), step("last"), end),
    "b"
  ],
  [
    "fan",
    "a step depends on what was joined",
    seq(
      Effect.flatMap(all([step("a"), step("b"), step("c")]), (three) => step("join", three)),
      wait("go"),
      step("last"),
      end
    ),
    "join"
  ],
  [
    "fan",
    "the step behind the branches comes before them",
    seq(step("join"), all([step("a"), step("b"), step("c")]), wait("go"), step("last"), end),
    "a"
  ],
  [
    "fan",
    "the last step is renamed",
    seq(all([step("a"), step("b"), step("c")]), step("join"), wait("go"), step("final"), end),
    "final"
  ],
  ["people", "a question is renamed", seq(step("draft"), ask("check"), step("publish"), end), "check"],
  [
    "people",
    "a question is put in other words",
    seq(step("draft"), ask("review", "Shall we?"), step("publish"), end),
    "review"
  ],
  ["people", "nobody is asked", seq(step("draft"), step("publish"), end), "review"],
  [
    "people",
    "another question comes first",
    seq(step("draft"), ask("legal"), ask("review"), step("publish"), end),
    "legal"
  ],
  ["family", "a child gets another payload", seq(step("plan"), child("other"), step("sum"), end), hash],
  ["family", "the child is gone", seq(step("plan"), step("sum"), end), hash],
  [
    "family",
    "a step is new behind the child",
    seq(step("plan"), child("kid"), step("check"), step("sum"), end),
    "check"
  ],
  [
    "facts",
    "a document gets another value",
    seq(set(7), emit("opened", 1), step("work"), set(2), wait("go"), emit("closed", 2), step("bye"), end),
    "state:count@1"
  ],
  [
    "facts",
    "an event has another name",
    seq(set(1), emit("started", 1), step("work"), set(2), wait("go"), emit("closed", 2), step("bye"), end),
    /:emit:1$/
  ],
  [
    "facts",
    "an event is gone",
    seq(set(1), step("work"), set(2), wait("go"), emit("closed", 2), step("bye"), end),
    "opened"
  ],
  ["limits", "a timeout is gone", seq(step("slow"), race(wait("go"), sleep("1 day")), step("after"), end), "timer 1"],
  ["limits", "a race has lost its timer", seq(timeout(step("slow")), wait("go"), step("after"), end), "timer 2"],
  ["caught", "a failure is not caught any more", seq(step("fails"), step("rest"), end), "mend"],
  ["caught", "a failure is mended otherwise", seq(caught(step("fails"), step("repair")), step("rest"), end), "repair"],
  [
    "caught",
    "a recorded failure does not fit its schema",
    seq(caught(step("fails", "x", { error: Schema.Int }), step("mend")), step("rest"), end),
    "fails"
  ],
  [
    "keyed",
    "an item has another key",
    seq(items(["p", "q"], (item) => item.toUpperCase()), step("total"), end),
    "item/P"
  ],
  ["keyed", "an item is another", seq(items(["p", "r"]), step("total"), end), "item/r"],
  ["loop", "each round does something else", seq(rounds((_, index) => step("treat", index)), end), "treat"],
  [
    "loop",
    "each round does more",
    seq(rounds((_, index) => seq(step("handle", index), step("log", index))), end),
    "log"
  ],
  ["undo", "what failed succeeds", seq(undone(step("take"), step("give")), step("use")), "failure"],
  ["undo", "it fails before", seq(undone(step("take"), step("give")), Effect.fail("no")), "use"],
  [
    "undo",
    "it is undone otherwise",
    seq(undone(step("take"), step("refund")), step("use"), Effect.fail("no")),
    "refund"
  ],
  [
    "contest",
    "a branch that asked for something gives another value",
    seq(
      Effect.flatMap(raced("a", Effect.succeed("one")), (won) => step("note", won)),
      raced("b", Effect.map(step("fast"), String).pipe(Effect.map((won) => `${won}!`)), wait("never")),
      step("prize"),
      end
    ),
    "raceAll/b"
  ],
  [
    "contest",
    "a race is gone",
    seq(
      Effect.flatMap(raced("a", Effect.succeed("one")), (won) => step("note", won)),
      step("fast"),
      step("prize"),
      end
    ),
    "raceAll/b"
  ],
  [
    "done",
    "a recorded output does not fit its schema",
    seq(step("one", "x", { success: Schema.Int }), sleep("1 hour"), step("two"), activity("act"), step("three")),
    "one"
  ],
  [
    "done",
    "the recorded output of an activity does not fit its schema",
    seq(step("one"), sleep("1 hour"), step("two"), activity("act", Schema.Int), step("three")),
    "act#1"
  ],
  [
    "family",
    "the recorded end of a child does not fit its schema",
    seq(step("plan"), childOf("kid", Schema.Int), step("sum"), end),
    hash
  ],
  [
    "done",
    "an activity is renamed",
    seq(step("one"), sleep("1 hour"), step("two"), activity("deed"), step("three")),
    "deed#1"
  ]
]

/** Edits that every run lives through. */
export const harmless: ReadonlyArray<Edit> = [
  ["order", "more follows the last wait", seq(programs.order.body, step("thanks"), wait("more"))],
  ["order", "the result is another", Effect.as(programs.order.body, "sold")],
  [
    "order",
    "the sleep is longer",
    seq(step("reserve"), step("charge"), sleep("2 days"), step("ship"), wait("delivered"), step("survey"), end)
  ],
  [
    "order",
    "a step gets a label",
    seq(
      step("reserve", "x", { label: "stock" }),
      step("charge"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "a step is retried",
    seq(
      step("reserve"),
      step("charge", "x", { retry: Schedule.recurs(5) }),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "a step has another rule for crashes",
    seq(
      step("reserve"),
      step("charge", "x", { onCrash: "rerun-keyed" }),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "a step has a time limit",
    seq(
      step("reserve"),
      step("charge"),
      sleep("1 day"),
      step("ship", "x", { timeout: "1 minute" }),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "it logs",
    seq(
      step("reserve"),
      Effect.log("reserved"),
      step("charge"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "it computes",
    seq(
      step("reserve"),
      Effect.map(step("charge"), String),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "a new step is behind a patch",
    seq(
      step("reserve"),
      step("charge"),
      Effect.flatMap(Workflows.patched("audit"), (isNew) => isNew ? step("audit") : Effect.void),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "order",
    "an outcome has a wider schema",
    seq(
      step("reserve", "x", { success: Schema.Union([Schema.String, Schema.Int]) }),
      step("charge"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  ["order", "the payload has a new optional field", programs.order.body, undefined, Optional],
  [
    "order",
    "a span is around a step",
    seq(
      step("reserve"),
      Effect.withSpan(step("charge"), "charging"),
      sleep("1 day"),
      step("ship"),
      wait("delivered"),
      step("survey"),
      end
    )
  ],
  [
    "fan",
    "branches are listed in another order",
    seq(all([step("c"), step("a"), step("b")]), step("join"), wait("go"), step("last"), end)
  ],
  [
    "fan",
    "branches are a loop",
    seq(
      Effect.forEach(["a", "b", "c"], (name) => step(name), { concurrency: 3 }),
      step("join"),
      wait("go"),
      step("last"),
      end
    )
  ],
  [
    "people",
    "others are asked, for a while",
    seq(
      step("draft"),
      ask("review", "May we?", { approvers: ["chief"], deadline: "1 day", choices: ["now"] }),
      step("publish"),
      end
    )
  ],
  ["family", "the child is asked again", seq(step("plan"), child("kid"), child("kid"), step("sum"), end)],
  [
    "facts",
    "a document is set to what it is",
    seq(set(1), set(1), emit("opened", 1), step("work"), set(2), wait("go"), emit("closed", 2), step("bye"), end)
  ],
  [
    "limits",
    "a timeout is longer",
    seq(timeout(step("slow"), "2 hours"), race(wait("go"), sleep("1 day")), step("after"), end)
  ],
  [
    "caught",
    "the failure is told apart",
    seq(Effect.catchIf(step("fails"), (error) => error === "broken", () => step("mend")), step("rest"), end)
  ],
  ["keyed", "an item is asked for again", seq(items(["p", "p", "q"]), step("total"), end)],
  [
    "loop",
    "what a signal says is looked at",
    seq(rounds((tick, index) => Effect.andThen(Effect.log(tick), step("handle", index))), end)
  ],
  [
    "contest",
    "a branch that asked for nothing gives another value, and the recorded one counts",
    seq(
      Effect.flatMap(raced("a", Effect.succeed("two")), (won) => step("note", won)),
      raced("b", step("fast"), wait("never")),
      step("prize"),
      end
    )
  ],
  ["undo", "it fails with another error", seq(undone(step("take"), step("give")), step("use"), Effect.fail("never"))],
  ["done", "a patch is at the end", seq(programs.done.body, Workflows.patched("thanks"))]
]
