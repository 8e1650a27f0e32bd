/**
 * Lives of runs whose journals are kept, so that every later build can be asked
 * whether it still replays them.
 */
import { PlaceOrder, PlaceOrderLayer } from "@fermata-examples/order-saga/src/PlaceOrder.ts"
import * as Shop from "@fermata-examples/order-saga/src/Shop.ts"
import * as Translate from "@fermata-examples/parent-and-children/src/Translate.ts"
import { Done, Mail, Remind, RemindLayer } from "@fermata-examples/reminders/src/Remind.ts"
import triage from "@fermata-examples/ticket-triage"
import { Contracts } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import * as Approval from "@fermata/engine/Approval"
import type { Backend, DefinitionRow, RunRow } from "@fermata/engine/Backend"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import * as RunState from "@fermata/engine/RunState"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Option, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Activity, DurableDeferred, Workflow } from "effect/workflow"
import { readFileSync } from "node:fs"
import * as Agents from "./Agents.ts"
import * as Routes from "./Routes.ts"

type App = Layer.Success<ReturnType<typeof layerOf>>
type Phase = Effect.Effect<unknown, unknown, App>

/** Programs and tasks, and what happens to their runs: each phase in a process of its own. */
export interface Scenario {
  readonly programs?: Layer.Layer<never, never, never>
  readonly tasks?: Layer.Layer<TaskRuntime>
  readonly llm?: Layer.Layer<Llm>
  readonly phases: ReadonlyArray<Phase>
  /** The store is put back from a backup that was made behind the first phase. */
  readonly restored?: true
}

/** What a scenario leaves in its store. */
export interface Recording {
  readonly definitions: ReadonlyArray<DefinitionRow>
  readonly runs: ReadonlyArray<{ readonly row: RunRow; readonly entries: ReadonlyArray<object> }>
}

/** A process that serves a scenario on this store. */
export const layerOf = ({ llm, programs, tasks }: Omit<Scenario, "phases">, backend: Backend) =>
  (programs ?? Layer.empty).pipe(
    Layer.provideMerge(Runs.layer),
    Layer.provideMerge(Contracts.layer),
    Layer.provideMerge(Layer.mergeAll(Events.layer, tasks ?? TaskRuntime.layerNone, llm ?? Llm.layerNone)),
    Layer.provideMerge(TestHost.layerOf(backend, { ownerId: "recorder" }))
  )

/** Lives through a scenario. */
export const record = ({ phases, restored, ...served }: Scenario): Effect.Effect<Recording, unknown> =>
  Effect.gen(function*() {
    const backend = MemoryBackend.make(MemoryBackend.makeStore())
    for (const [index, phase] of phases.entries()) {
      if (index === 1 && restored) yield* backend.write([putBack])
      yield* Effect.provide(Effect.andThen(phase, settled), layerOf(served, backend))
    }
    const rows = (yield* backend.runs({ limit: 1_000 })).toReversed()
    return {
      definitions: yield* backend.definitions,
      runs: yield* Effect.forEach(rows, (row) =>
        Effect.map(backend.entries(row.id, 0, 10_000), (entries) => ({
          row,
          entries: entries.map((entry) => JSON.parse(entry) as object)
        })))
    }
  }).pipe(Effect.provide(TestClock.layer()))

/** Somebody says that the store was put back. */
export const putBack = { op: "restore", id: "anew1", by: "ops", at: 0, from: 0 } as const

/** A store with what was recorded. */
export const restore = ({ definitions, runs }: Recording): Effect.Effect<Backend, unknown> =>
  Effect.gen(function*() {
    const backend = MemoryBackend.make(MemoryBackend.makeStore())
    yield* backend.write(definitions.map((row) => ({ op: "define", row })))
    yield* backend.write(runs.map(({ entries, row }) => ({
      op: "start",
      run: row,
      rows: entries.map((entry) => JSON.stringify(entry)),
      blobs: [],
      subscriptions: [],
      listener: null
    })))
    return backend
  })

// ----------------------------------------------------------------------------
// verbs
// ----------------------------------------------------------------------------

const settled = TestHost.use((host) => host.settled)
const pass = (duration: "1 second" | "1 minute" | "1 hour" | "1 day" | "15 days") =>
  Effect.andThen(TestClock.adjust(duration), settled)
const answer = (workflow: string, decision: "approve" | "deny", by: string) =>
  Effect.gen(function*() {
    const runs = yield* Runs
    for (const { choices: [choice], id } of yield* runs.approvals({ workflow })) {
      yield* runs.answer(id, { decision, by, ...(choice === undefined ? {} : { choice }) })
    }
    yield* settled
  })
const signal = (runId: string, name: string, payload: unknown) =>
  Effect.andThen(Runs.use((runs) => runs.signal(runId, name, payload)), settled)
const inOrder = (...acts: ReadonlyArray<Phase>): Phase => Effect.forEach(acts, (act) => act, { discard: true })

// ----------------------------------------------------------------------------
// a program with everything in it
// ----------------------------------------------------------------------------

class Refused extends Schema.TaggedError<Refused>()("Refused", { reason: Schema.String }) {}

const plain = Step.make("plain", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "rerun",
  label: "note",
  run: Effect.succeed
})
const keyed = Step.make("keyed", {
  input: Schema.Int,
  success: Schema.Int,
  onCrash: "rerun-keyed",
  key: String,
  run: (n) => Effect.succeed(n * 2)
})
const asking = Step.make("asking", {
  success: Schema.Date,
  onCrash: "ask",
  run: () => Effect.succeed(new Date(86_400_000))
})
const flaky = Step.make("flaky", {
  success: Schema.Int,
  error: Refused,
  onCrash: "rerun",
  retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 3 })),
  run: (_, { attempt }) =>
    attempt < 3 ? Effect.fail(new Refused({ reason: `attempt ${attempt}` })) : Effect.succeed(attempt)
})
const failing = Step.make("failing", {
  error: Refused,
  onCrash: "rerun",
  run: () => Effect.fail(new Refused({ reason: "always" }))
})
const outer = Step.make("outer", { success: Schema.String, onCrash: "rerun", run: () => plain("inside") })
const slow = Step.make("slow", { onCrash: "rerun", run: () => Effect.sleep("30 seconds") })
const undo = Step.make("undo", { input: Schema.String, onCrash: "rerun", run: () => Effect.void })
const Go = Signal.make("go", { schema: Schema.Struct({ n: Schema.Int }) })
const Answer = DurableDeferred.make("answer", { success: Schema.String })
const Seen = RunState.make("seen", { schema: Schema.Array(Schema.String), initial: [] })

const Kid = Workflow.make("kid", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ n }) => String(n)
})
const Everything = Workflow.make("everything", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Refused,
  idempotencyKey: ({ id }) => id
})

const everything = Layer.merge(
  Kid.toLayer(({ n }) => Effect.map(keyed(n), (doubled) => doubled + 1)),
  Everything.toLayer(
    Effect.fn("Everything")(function*({ id }) {
      yield* plain("first")
      yield* RunState.update(Seen, (seen) => [...seen, "first"])
      const doubled = yield* Effect.forEach([1, 2, 3], (n) => keyed(n), { concurrency: 2 })
      const date = yield* asking()
      const attempts = yield* flaky()
      const caught = yield* Effect.catch(failing(), ({ reason }) => plain(reason))
      yield* outer()
      yield* Effect.ignore(Effect.timeout(slow(), "10 seconds"))
      yield* Effect.orDie(Events.use((events) => events.emit("everything.half", { id })))
      const { by, args } = yield* Effect.orDie(Approval.ask("review", {
        prompt: "Go on?",
        approvers: ["ada", "grace"],
        quorum: 2,
        choices: ["yes"],
        args: { schema: Schema.Int, value: 1, editable: true },
        deadline: "1 day"
      }))
      const late = yield* Effect.result(
        Approval.ask("late", { prompt: "Now?", approvers: ["nobody"], deadline: "1 minute" })
      )
      const first = yield* Effect.raceFirst(Signal.receive(Go), Effect.as(Effect.sleep("1 hour"), { n: 0 }))
      const second = yield* Signal.receive(Go)
      const token = yield* DurableDeferred.token(Answer)
      yield* plain(token)
      const answered = yield* DurableDeferred.await(Answer)
      const kids = yield* Effect.all([Kid.execute({ n: 4 }), Kid.execute({ n: 5 })], { concurrency: 2 })
      const acted = yield* Activity.make({ name: "act", success: Schema.String, execute: Effect.succeed("acted") })
      if (yield* Workflows.patched("tail")) yield* plain("tail")
      const use = Everything.withCompensation(plain("taken"), (taken) => undo(taken))
      yield* use
      if (id === "fails") return yield* new Refused({ reason: "told so" })
      yield* Signal.receive(Go)
      return {
        doubled,
        date: date.toISOString(),
        attempts,
        caught,
        by,
        args,
        late: late._tag,
        first,
        second,
        answered,
        kids,
        acted
      }
    })
  )
).pipe(Layer.provide(Events.layer))

const start = (id: string) => Effect.andThen(Everything.execute({ id }, { discard: true }), settled)
const runOf = (id: string) => Everything.executionId({ id })
const told = (id: string, n: number) => Effect.flatMap(runOf(id), (run) => signal(run, "go", { n }))
const halves: ReadonlyArray<Phase> = [
  inOrder(start("ends"), start("fails"), pass("1 minute"), pass("1 minute"), pass("1 minute")),
  inOrder(
    answer("everything", "approve", "ada"),
    answer("everything", "approve", "grace"),
    pass("1 minute"),
    told("ends", 1),
    pass("1 hour")
  ),
  inOrder(
    told("ends", 2),
    told("fails", 2),
    Effect.forEach(
      ["ends", "fails"],
      (id) =>
        Effect.flatMap(runOf(id), (executionId) =>
          DurableDeferred.succeed(Answer, {
            token: DurableDeferred.tokenFromExecutionId(Answer, { workflow: Everything, executionId }),
            value: id
          }))
    ),
    settled
  )
]

// ----------------------------------------------------------------------------
// what steers a replay or a recovery
// ----------------------------------------------------------------------------

export const Steered = Workflow.make("steered", {
  payload: { way: Schema.String },
  success: Schema.String,
  error: Refused,
  idempotencyKey: ({ way }) => way
})
/** Whether the body of this step comes to its end; the process that is recorded is stopped in the middle of it. */
export const cutStep = { ends: false }
const cut = Step.make("cut", {
  success: Schema.String,
  onCrash: "rerun",
  run: () => Effect.suspend(() => cutStep.ends ? Effect.succeed("whole") : Effect.never)
})
const notThirteen = Schema.Int.check(Schema.makeFilter((n: number) => n !== 13))

const steered = Steered.toLayer(
  Effect.fn("Steered")(function*({ way }) {
    switch (way) {
      case "patched": {
        const isNew = yield* Workflows.patched("way")
        yield* Signal.receive(Go)
        return yield* plain(isNew ? "the new way" : "the old way")
      }
      case "undoing":
        yield* Steered.withCompensation(
          plain("taken"),
          (taken) => Effect.andThen(undo(taken), Effect.andThen(Signal.receive(Go), undo(taken)))
        )
        return yield* new Refused({ reason: "told so" })
      case "released":
        return yield* cut()
      default: {
        const args = { schema: notThirteen, value: 1, editable: true } as const
        const answered = yield* Effect.orDie(Approval.ask("number", { prompt: "This?", approvers: ["ada"], args }))
        return String(answered.args)
      }
    }
  })
)

// ----------------------------------------------------------------------------
// a run that is told things as it works
// ----------------------------------------------------------------------------

const Session = Workflow.make("session", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})
const Word = Signal.make("word", { schema: Schema.String })
const Verdict = Schema.Struct({ verdict: Schema.Literals(["allow", "deny"]), at: Schema.Date })
/** What today's policy says; another than that of the process that is recorded. */
const policy = { verdict: "deny" as (typeof Verdict)["Type"]["verdict"] }

const session = Session.toLayer(
  Effect.fn("Session")(function*({ id }) {
    const heard: Array<string> = []
    const hears = (how: typeof Signal.poll) => Effect.map(how(Word), Option.map((word) => heard.push(word)))
    const decide = Workflows.decide("policy", Verdict, () => ({ verdict: policy.verdict, at: new Date(86_400_000) }))
    do {
      const { at, verdict } = yield* decide
      yield* plain(`${verdict} ${at.getTime()} ${heard.join()}`)
      yield* Effect.sleep("1 minute")
      yield* hears(Signal.poll)
    } while (Option.isSome(yield* hears(Signal.nextOrEnd)))
    if (id === "ends") return heard
    yield* plain(`goes on with ${heard.join()}`)
    yield* Signal.receive(Go)
    return heard
  })
)

const say = (id: string, word: string) =>
  Effect.flatMap(Session.executionId({ id }), (run) => signal(run, "word", word))

const steps = {
  schemaVersion: "fermata.contract.v1",
  id: "every-kind",
  version: "1.0.0",
  title: "Every kind of step",
  permissions: [{ kind: "event:emit", pattern: "**" }, { kind: "llm:invoke" }, { kind: "task:run" }],
  entryStepId: "set",
  steps: [
    { id: "set", name: "Set", kind: "transform", set: { who: "{{ input.who }}", run: "{{ run.id }}" }, next: "model" },
    { id: "model", name: "Model", kind: "llm", prompt: "Greet {{ state.who }}", next: "here" },
    {
      id: "here",
      name: "Here",
      kind: "task",
      task: "here",
      input: { text: "{{ steps.model.output }}" },
      next: "there"
    },
    { id: "there", name: "There", kind: "task", task: "there", input: {}, onError: "tell", next: "tell" },
    { id: "tell", name: "Tell", kind: "emit", event: "greeting.sent", payload: { run: "{{ run.id }}" }, next: "ask" },
    {
      id: "ask",
      name: "Ask",
      kind: "approval",
      prompt: "Good?",
      approvers: ["ada"],
      nextOnApproved: "hold",
      nextOnDenied: null
    },
    { id: "hold", name: "Hold", kind: "wait", event: "reply", next: "which" },
    {
      id: "which",
      name: "Which",
      kind: "branch",
      cases: [{ when: "steps.hold.output.ok", next: "end" }],
      default: null
    },
    { id: "end", name: "End", kind: "transform", set: { done: true }, next: null }
  ]
}

/** Contracts with steps inside steps, with what undoes them, and with calls of each other and of a program. */
const head = (id: string, entryStepId: string) => ({
  schemaVersion: "fermata.contract.v1",
  id,
  version: "1.0.0",
  title: id,
  permissions: [{ kind: "task:run" }, { kind: "workflow:call" }],
  entryStepId
})
const work = (id: string, input: Schema.Json, next: string | null = null, more: object = {}) => ({
  id,
  name: id,
  kind: "task",
  task: "work",
  input,
  onCrash: "rerun",
  next,
  ...more
})
const called = {
  ...head("called", "pause"),
  steps: [
    { id: "pause", name: "Pause", kind: "delay", for: "1 minute", next: "twice" },
    { id: "twice", name: "Twice", kind: "transform", set: { n: "{{ input * 2 }}" }, next: null }
  ],
  output: "{{ state.n }}",
  outputSchema: { type: "number" }
}
const inside = {
  ...head("inside", "each"),
  steps: [
    {
      id: "each",
      name: "Each",
      kind: "map",
      items: "{{ input.items }}",
      concurrency: 2,
      onFailure: "collect",
      steps: [
        work("take", "{{ item }}", "more", { undo: { steps: [work("give", "{{ 'undo ' & item }}")] } }),
        { id: "more", name: "More", kind: "call", workflow: "called", input: "{{ item }}", next: null }
      ],
      next: "both"
    },
    {
      id: "both",
      name: "Both",
      kind: "parallel",
      branches: {
        kid: {
          steps: [{ id: "kid", name: "Kid", kind: "call", workflow: "kid", version: "1", input: { n: 7 }, next: null }]
        },
        none: {
          steps: [
            { id: "none", name: "None", kind: "call", workflow: "none", onError: "said", next: null },
            work("said", "{{ steps.none.error.reason }}")
          ]
        }
      },
      next: "race"
    },
    {
      id: "race",
      name: "Race",
      kind: "parallel",
      wait: "first",
      branches: {
        slow: { steps: [{ id: "slow", name: "Slow", kind: "call", workflow: "called", input: 0, next: null }] },
        fast: { steps: [{ id: "fast", name: "Fast", kind: "delay", for: "1 second", next: null }] }
      },
      next: "until"
    },
    { id: "until", name: "Until", kind: "delay", until: "1970-01-01T01:00:00Z", next: "last" },
    work("last", "{{ input.last }}", null, { undo: { steps: [work("unlast", "undo last")] } })
  ],
  output: { each: "{{ steps.each.output }}", both: "{{ steps.both.output }}" },
  outputSchema: { type: "object", required: ["each", "both"] }
}

const remote = Layer.succeed(TaskRuntime, {
  tasks: ["here", "there"],
  submit: ({ input, task }) =>
    Effect.succeed(task === "here" ? { _tag: "Done" as const, output: input } : { _tag: "Submitted" as const })
})

const ofTriage = (file: string): Record<string, Schema.Json> =>
  JSON.parse(readFileSync(new URL(`../../examples/ticket-triage/${file}`, import.meta.url), "utf8"))

/** A program or a contract by name, and its life. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  agents: {
    programs: Agents.layer as never,
    phases: [
      Effect.andThen(Agents.start as Phase, settled),
      answer("helper", "approve", "operator"),
      // One of the two is left with its question.
      Effect.gen(function*() {
        const runs = yield* Runs
        const run = yield* Agents.Boss.workflow.executionId({ id: "ends", input: "go" })
        for (const { id } of yield* runs.approvals({ run })) {
          yield* runs.answer(id, { decision: "approve", by: "operator" })
        }
      })
    ]
  },
  "order-saga": {
    programs: PlaceOrderLayer.pipe(Layer.provide(Shop.layer), Layer.provide(Shop.Ledger.layerMemory)) as never,
    phases: [
      Effect.forEach(
        ["10 Downing Street", "nowhere"],
        (address, index) =>
          PlaceOrder.execute({ orderId: `order-${index}`, item: "pen", cents: 4_200, address }, { discard: true })
      ) as never
    ]
  },
  routed: {
    programs: Routes.layer as never,
    phases: [
      inOrder(
        ...["ends", "open"].map((way) => Routes.Routed.execute({ way }, { discard: true })),
        settled,
        ...["ends", "open"].map(Routes.handOn),
        settled,
        pass("1 hour"),
        pass("1 hour")
      ),
      inOrder(
        pass("1 hour"),
        Routes.answerThat("ends"),
        settled,
        Effect.flatMap(Routes.Routed.executionId({ way: "ends" }), (run) => signal(run, "go", null))
      )
    ]
  },
  doubted: {
    programs: Routes.layer as never,
    restored: true,
    phases: [
      Effect.forEach(Routes.ways, (way) => Routes.Doubted.execute({ way }, { discard: true })),
      inOrder(
        settled,
        ...["confirmed", "settled", "open"].map((way) =>
          Effect.flatMap(Routes.Doubted.executionId({ way }), (run) => signal(run, "go", null))
        ),
        Effect.gen(function*() {
          const runs = yield* Runs
          yield* runs.confirm(yield* Routes.Doubted.executionId({ way: "confirmed" }), { by: "ops" })
          yield* runs.settle(yield* Routes.Doubted.executionId({ way: "settled" }), "pay", {
            by: "ops",
            action: { _tag: "complete", output: "it was paid" }
          })
        }),
        pass("1 day"),
        pass("1 day")
      )
    ]
  },
  reminders: {
    programs: Layer.provide(RemindLayer, Layer.succeed(Mail, { send: () => Effect.void })) as never,
    phases: [
      inOrder(
        ...["fern", "cat", "bill"].map((task) => Remind.execute({ task, to: "ada" }, { discard: true }) as Phase),
        settled,
        pass("1 day")
      ),
      inOrder(
        Effect.flatMap(
          Remind.executionId({ task: "fern", to: "ada" }),
          (runId) => Signal.send(Done, { runId, payload: { by: "eve" } })
        ),
        pass("1 day")
      )
    ]
  },
  "parent-and-children": {
    programs: Layer.provide(
      Translate.layer,
      Layer.succeed(Translate.Translator, {
        translate: (text, language) => Effect.succeed(`${language} ${text}`)
      })
    ) as never,
    phases: [
      inOrder(
        Translate.TranslateSite.execute({ page: "home", text: "Hi", languages: ["de", "fr", "it"], review: ["de"] }, {
          discard: true
        }) as Phase,
        Translate.TranslateSite.execute({ page: "news", text: "Ho", languages: ["de"], review: ["de"] }, {
          discard: true
        }) as Phase,
        settled
      ),
      Effect.gen(function*() {
        const runs = yield* Runs
        const [oldest] = yield* runs.approvals()
        yield* runs.answer(oldest!.id, { decision: "approve", by: "editor", edit: "Hallo" })
      })
    ]
  },
  "ticket-triage": {
    tasks: TaskRuntime.layerHandlers(triage.tasks!) as never,
    llm: triage.llm as never,
    phases: [
      Contracts.use((contracts) =>
        Effect.forEach(["T-1", "T-2", "T-3"], (id) =>
          contracts.start({
            contract: ofTriage("contract.json"),
            event: { name: "ticket.created", id, payload: { ...ofTriage("ticket.json"), id } }
          }))
      ),
      Effect.gen(function*() {
        const runs = yield* Runs
        const [first, second] = yield* runs.approvals()
        yield* runs.answer(first!.id, { decision: "approve", by: "admin" })
        yield* runs.answer(second!.id, { decision: "deny", by: "admin" })
      })
    ]
  },
  everything: { programs: everything as never, phases: halves },
  session: {
    programs: session as never,
    phases: [
      inOrder(
        Effect.sync(() => void (policy.verdict = "allow")),
        ...["ends", "goes on"].map((id) => Session.execute({ id }, { discard: true })),
        settled,
        say("ends", "a"),
        say("ends", "b"),
        say("goes on", "c"),
        pass("1 minute"),
        Session.execute({ id: "works" }, { discard: true }),
        say("works", "d"),
        say("works", "e"),
        pass("1 minute"),
        Effect.sync(() => void (policy.verdict = "deny"))
      )
    ]
  },
  steered: {
    programs: steered as never,
    phases: [
      inOrder(
        ...["patched", "undoing", "released", "refused"].map((way) => Steered.execute({ way }, { discard: true })),
        settled,
        Effect.gen(function*() {
          const runs = yield* Runs
          const [asked] = yield* runs.approvals()
          yield* runs.answer(asked!.id, { decision: "approve", by: "ada", edit: 13 })
        })
      )
    ]
  },
  "every-kind": {
    tasks: remote,
    llm: Llm.layerScripted([{ when: /./, reply: ({ prompt }) => prompt.replace("Greet", "Dear") }]),
    phases: [
      Contracts.use((contracts) => contracts.start({ contract: steps, input: { who: "Ada" }, key: "one" })),
      Effect.gen(function*() {
        const runs = yield* Runs
        const events = yield* Events
        const [run] = yield* runs.list({ workflow: "every-kind" })
        yield* events.emit("engine.step.completed", { runId: run!.id, stepId: "there", output: 7 }, { id: "there-1" })
        yield* settled
        yield* runs.answer(run!.id, { decision: "approve", by: "ada" })
        yield* settled
        yield* events.emit("reply", { ok: true }, { id: "reply-1" })
        yield* (yield* Contracts).start({ contract: "every-kind", input: { who: "Bob" }, key: "two" })
      })
    ]
  },
  inside: {
    programs: everything as never,
    tasks: TaskRuntime.layerHandlers({
      work: (input) => input === "fail" ? Effect.fail("in vain") : Effect.succeed(input ?? null)
    }) as never,
    phases: [
      Effect.gen(function*() {
        const contracts = yield* Contracts
        yield* contracts.add(called)
        const items = [1, 2, 3]
        yield* contracts.start({ contract: inside, input: { items, last: "ends" }, key: "ends" })
        yield* contracts.start({ contract: "inside", input: { items, last: "fail" }, key: "fails" })
        yield* contracts.start({ contract: "inside", input: { items, last: "waits" }, key: "stopped" })
        yield* settled
        yield* pass("1 minute")
      }),
      inOrder(
        pass("1 minute"),
        pass("1 minute"),
        pass("1 second"),
        // The last of them is told to stop while it waits for its hour, and undoes what it has done.
        Effect.gen(function*() {
          const runs = yield* Runs
          const [stopped] = yield* runs.list({ workflow: "inside" })
          yield* runs.cancel(stopped!.id, { by: "ada", reason: "enough" })
        }),
        pass("1 minute"),
        pass("1 hour")
      ),
      Effect.gen(function*() {
        const contracts = yield* Contracts
        // One is left on its way, in a call.
        yield* contracts.start({ contract: "inside", input: { items: [4], last: "later" }, key: "later" })
      })
    ]
  }
}
