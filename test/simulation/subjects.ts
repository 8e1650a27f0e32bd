/** Programs and a contract that hold every kind of step. */
import { Contracts } from "@fermata/contracts/Contracts"
import * as Llm from "@fermata/contracts/Llm"
import { TaskFailed, type TaskReply, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import * as Approval from "@fermata/engine/Approval"
import { Events } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import * as RunState from "@fermata/engine/RunState"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import { Clock, Effect, Layer, Option, Random, Schedule, Schema } from "effect"
import { Activity, DurableClock, DurableDeferred, Workflow } from "effect/workflow"

const Paid = Signal.make("paid", { schema: Schema.String })
const Seen = RunState.make("seen", { schema: Schema.Array(Schema.String), initial: [] })

const echo = Step.make("echo", {
  input: { text: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ text }) => Effect.succeed(text.toUpperCase())
})

const large = Step.make("large", {
  success: Schema.String,
  onCrash: "rerun",
  run: () => Effect.succeed("x".repeat(70_000))
})

const sometimes = Step.make("sometimes", {
  success: Schema.Int,
  error: Schema.String,
  onCrash: "rerun-keyed",
  retry: Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 5 })),
  run: (_, { attempt }) =>
    Effect.andThen(Effect.sleep("3 seconds"), attempt < 3 ? Effect.fail("not yet") : Effect.succeed(attempt))
})

const careful = Step.make("careful", {
  success: Schema.String,
  onCrash: "ask",
  run: (_, { keep }) => Effect.as(Effect.andThen(Effect.yieldNow, Effect.orDie(keep("how it was done"))), "done")
})

const probed = Step.make("probed", {
  success: Schema.String,
  onCrash: "probe",
  probe: () => Effect.succeed(Option.none()),
  run: () => Effect.as(Effect.yieldNow, "done")
})

const together = Step.make("together", {
  success: Schema.Int,
  onCrash: "commit-together",
  run: () => Effect.succeed(1)
})

const undo = Step.make("undo", { input: { text: Schema.String }, onCrash: "rerun", run: () => Effect.void })

export const Child = Workflow.make("child", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
export const Everything = Workflow.make("everything", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.Union([Schema.String, Schema.Int])),
  error: Schema.Union([Schema.String, Approval.Denied]),
  idempotencyKey: ({ id }) => id
})
export const Undone = Workflow.make("undone", {
  payload: { id: Schema.String },
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

export const layer = Layer.mergeAll(
  Child.toLayer(({ id }) => Effect.andThen(Effect.sleep("1 minute"), echo({ text: `child of ${id}` }))),
  Everything.toLayer(Effect.fnUntraced(function*({ id }) {
    const words = yield* Effect.forEach(["a", "b", "c"], (text) => echo({ text }), { concurrency: 2 })
    const late = yield* sometimes()
    yield* RunState.update(Seen, (seen) => [...seen, ...words])
    const activity = yield* Activity.make({ name: "activity", success: Schema.Int, execute: Effect.succeed(7) })
    const { length } = yield* large()
    const child = yield* Child.execute({ id })
    const paid = yield* Signal.receive(Paid)
    const granted = yield* Approval.ask("go", { prompt: "Go?", approvers: ["admin"], deadline: "10 days" })
    yield* careful()
    yield* probed()
    yield* together()
    yield* DurableClock.sleep({ name: "nap", duration: "2 hours" })
    yield* Effect.sleep("1 day")
    return [...words, late, activity, length, child, paid, ...granted.by]
  })),
  Undone.toLayer(Effect.fnUntraced(function*() {
    for (const text of ["a", "b", "c"]) yield* Undone.withCompensation(echo({ text }), () => undo({ text }))
    yield* Effect.sleep("1 hour")
    return yield* Effect.fail("in vain")
  }))
)

/** Completes deferreds of its own with what is another number in every pass, and goes on with them. */
export const Drawn = Workflow.make("drawn", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
const tell = Step.make("tell", { input: { text: Schema.String }, onCrash: "rerun", run: () => Effect.void })
const Num = DurableDeferred.make("number", { success: Schema.Int })

export const drawnLayer = Layer.unwrap(Effect.map(Random.Random, (random) => {
  // Of the process, and not of the run.
  const draw = Effect.sync(() => random.nextIntUnsafe())
  return Drawn.toLayer(Effect.fnUntraced(function*() {
    const won = yield* DurableDeferred.raceAll({
      name: "first",
      success: Schema.Int,
      error: Schema.Never,
      effects: [draw, Effect.never]
    })
    yield* tell({ text: `won ${won}` })
    const token = yield* DurableDeferred.token(Num)
    yield* Effect.flatMap(draw, (value) => DurableDeferred.succeed(Num, { token, value }))
    yield* Effect.sleep("1 hour")
    yield* tell({ text: `number ${yield* DurableDeferred.await(Num)}` })
    yield* Effect.sleep("1 day")
  }))
}))

/** Asks people who do not agree, some of whom come late, and is over when somebody says so. */
export const Answered = Workflow.make("answered", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})
const Over = Signal.make("over")
/** What the JSON Schema of it does not say: three is refused by the code alone. */
const Payment = Schema.Struct({
  cents: Schema.Int.check(Schema.makeFilter((cents) => cents !== 3 || "anything but three cents"))
})

export const answeredLayer = Answered.toLayer(Effect.fnUntraced(function*() {
  const ask = (name: string, options: Partial<Approval.Options<typeof Payment>>) =>
    Approval.ask(name, {
      prompt: `${name}?`,
      approvers: ["ann", "bob", "cy"],
      args: { schema: Payment, value: { cents: 7 }, editable: true },
      deadline: "1 hour",
      ...options
    }).pipe(
      Effect.map(({ args, by, choice }) => `${name}: ${args.cents} ${choice ?? ""} by ${by.join(", ")}`),
      Effect.catchTag("ApprovalDenied", ({ by }) => Effect.succeed(`${name}: denied by ${by}`))
    )
  const first = yield* ask("pay", { quorum: 2 })
  const raced = yield* Effect.raceFirst(
    ask("which", { quorum: 2, choices: ["a", "b"], onTimeout: "approve" }),
    Effect.as(Effect.sleep("1 hour"), "nobody")
  )
  const last = yield* Effect.raceFirst(ask("end", { deadline: "2 hours" }), Effect.as(Signal.receive(Over), "over"))
  return [first, raced, last]
}))

/** Asks people who hand questions on, until it goes to others too, and reminds them. */
export const HandedOn = Workflow.make("handed-on", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})

export const handedOnLayer = HandedOn.toLayer(Effect.fnUntraced(function*() {
  const ask = (name: string, options: Partial<Approval.Options<never>>) =>
    Approval.ask(name, {
      prompt: `${name}?`,
      approvers: ["ann", "bob"],
      escalate: [{ after: "30 minutes", to: ["cy"] }, { after: "1 hour", to: ["di", "eve"] }],
      remind: { every: "20 minutes", most: 3 },
      ...options
    }).pipe(
      Effect.map(({ by }) => `${name}: by ${by.join(", ")}`),
      Effect.catchTag("ApprovalDenied", ({ by }) => Effect.succeed(`${name}: denied by ${by}`))
    )
  const first = yield* ask("pay", { quorum: 2, deadline: "2 hours" })
  const raced = yield* Effect.raceFirst(ask("which", {}), Effect.as(Effect.sleep("1 hour"), "nobody"))
  return [first, raced, yield* ask("end", { deadline: "90 minutes", onTimeout: "approve" })]
}))

/** Its bodies cannot be interrupted, and in the first half minute of the run they do not end at their timeouts. */
export const Deaf = Workflow.make("deaf", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})

const deafMs = 30_000
const deaf = ({ since }: { readonly since: number }) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    now - since < deafMs
      ? Effect.as(Effect.uninterruptible(Effect.sleep("1 minute")), "too late")
      : Effect.as(Effect.uninterruptible(Effect.sleep("2 seconds")), "in time"))
const deafOptions = { input: { since: Schema.Int }, success: Schema.String, timeout: "8 seconds", run: deaf } as const
const deafSteps = [
  Step.make("again", { ...deafOptions, onCrash: "rerun", retry: Schedule.recurs(2) }),
  Step.make("keyed", { ...deafOptions, onCrash: "rerun-keyed" }),
  Step.make("asked-first", {
    ...deafOptions,
    onCrash: "probe",
    probe: () => Effect.as(Effect.uninterruptible(Effect.sleep("1 second")), Option.none())
  }),
  Step.make("with-a-step", {
    ...deafOptions,
    onCrash: "rerun",
    run: (input) => Effect.tap(deaf(input), (text) => echo({ text }))
  })
]
const deafPay = Step.make("pay", { ...deafOptions, onCrash: "ask" })

export const deafLayer = Deaf.toLayer(Effect.fnUntraced(function*() {
  const since = yield* Clock.currentTimeMillis
  const all = yield* Effect.forEach(deafSteps, (step) => step({ since }), { concurrency: "unbounded" })
  yield* Effect.timeoutOption(deafPay({ since: yield* Clock.currentTimeMillis }), "20 seconds")
  const paid = yield* deafPay({ since: yield* Clock.currentTimeMillis })
  return [...all, paid]
}))

export const Sums = Workflow.make("sums", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
export const Impatient = Workflow.make("impatient", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

/** A run that is told to stop while it computes, and one that tells it so at once. */
export const impatientLayer = Layer.mergeAll(
  Sums.toLayer(Effect.fnUntraced(function*() {
    yield* Sums.withCompensation(Effect.void, () => Effect.asVoid(undo({ text: "sums" })))
    let sum = 0
    const add = Effect.fnUntraced(function*(each: number) {
      for (let round = 1; round <= 120; round++) {
        yield* Effect.sync(() => void (sum += each))
        if (round % 30 === each) yield* RunState.update(Seen, (seen) => [...seen, `${each} makes ${sum}`])
        if (round % 17 === each) yield* Effect.yieldNow
      }
    })
    yield* Effect.forEach([1, 2, 3], add, { concurrency: "unbounded" })
    return yield* echo({ text: `${sum}` })
  })),
  Impatient.toLayer(Effect.fnUntraced(function*({ id }) {
    yield* Sums.execute({ id }, { discard: true })
    yield* Sums.interrupt(yield* Sums.executionId({ id }))
  }))
)

const limited = <const Name extends string>(name: Name, limits: Partial<Workflows.Limits>) =>
  Workflow.make(name, { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id }).annotate(
    Workflows.Limits,
    limits
  )

/** Asks for more steps than it may, and undoes what it did. */
export const ManySteps = limited("many-steps", { maxSteps: 4 })
/** Waits longer than it may, for somebody who never comes. */
export const LongWait = limited("long-wait", { maxRunMs: 3 * 3_600_000 })
/** Works longer than it may, at steps and between days of waiting. */
export const LongWork = limited("long-work", { maxActiveMs: 10_000 })

const laborious = Step.make("laborious", { onCrash: "rerun", run: () => Effect.sleep("4 seconds") })

export const limitedLayer = Layer.mergeAll(
  ManySteps.toLayer(Effect.fnUntraced(function*() {
    for (;;) {
      yield* ManySteps.withCompensation(echo({ text: "a" }), () => undo({ text: "a" }))
      yield* Effect.sleep("1 minute")
    }
  })),
  LongWait.toLayer(Effect.fnUntraced(function*() {
    yield* Effect.sleep("1 hour")
    yield* Effect.raceFirst(Signal.receive(Paid), Effect.sleep("1 day"))
  })),
  LongWork.toLayer(Effect.fnUntraced(function*() {
    for (;;) {
      yield* laborious()
      yield* Effect.sleep("1 day")
    }
  }))
)

const step = (kind: string, id: string, next: string | null | undefined, fields: object) => ({
  id,
  name: id,
  kind,
  ...(next === undefined ? {} : { next }),
  ...fields
})

const hour = 3_600_000

/** A contract with every kind of step; one task is done here, the other elsewhere. */
export const contract = {
  schemaVersion: "fermata.contract.v1",
  id: "every-step",
  version: "1.0.0",
  title: "Every kind of step",
  permissions: [{ kind: "event:emit", pattern: "**" }, { kind: "llm:invoke" }, { kind: "task:run" }],
  entryStepId: "prepare",
  steps: [
    step("transform", "prepare", "sort", { set: { n: "{{ input.n + 1 }}" } }),
    step("llm", "sort", "route", { prompt: "sort {{ state.n }}" }),
    step("branch", "route", undefined, { cases: [{ when: "steps.sort.output = 'bug'", next: "here" }], default: null }),
    step("task", "here", "there", {
      task: "here",
      onCrash: "rerun-keyed",
      retry: { maxAttempts: 3, initialMs: 60_000 }
    }),
    step("task", "there", "hold", { task: "there", onCrash: "rerun-keyed" }),
    step("wait", "hold", "gate", { event: "go", where: "event.n = state.n", timeout: { ms: 24 * hour } }),
    step("approval", "gate", undefined, {
      prompt: "{{ steps.hold.output.n }}?",
      approvers: ["ada"],
      timeout: { ms: 24 * hour },
      nextOnApproved: "tell",
      nextOnDenied: null
    }),
    step("emit", "tell", null, {
      event: "all.done",
      payload: { here: "{{ steps.here.output }}", there: "{{ steps.there.output }}" }
    })
  ]
}

/** Steps inside steps: items at a time, branches of which all or the first count, and failures on the way. */
export const inside = {
  schemaVersion: "fermata.contract.v1",
  id: "inside",
  version: "1.0.0",
  title: "Steps inside steps",
  permissions: [{ kind: "event:emit", pattern: "**" }, { kind: "task:run" }],
  entryStepId: "each",
  steps: [
    step("map", "each", "both", {
      items: "{{ input.list }}",
      concurrency: 2,
      onFailure: "collect",
      steps: [
        step("transform", "seen", "work", { set: { last: "{{ item }}" } }),
        step("task", "work", "route", {
          task: "here",
          onCrash: "rerun-keyed",
          retry: { maxAttempts: 3, initialMs: 60_000 }
        }),
        step("branch", "route", undefined, { cases: [{ when: "item = 2", next: "broken" }], default: "there" }),
        step("transform", "broken", null, { set: { broken: "{{ $number('two') }}" } }),
        step("task", "there", "nap", {
          task: "there",
          onCrash: "rerun-keyed",
          timeoutMs: 1000,
          onError: "nap",
          undo: { steps: [step("task", "back", null, { task: "here", onCrash: "rerun", retry: { maxAttempts: 2 } })] }
        }),
        step("delay", "nap", null, { for: "{{ (index + 1) & ' minutes' }}" })
      ]
    }),
    step("parallel", "both", "first", {
      branches: {
        ask: {
          steps: [step("approval", "gate", undefined, {
            prompt: "Go?",
            approvers: ["ada"],
            timeout: { ms: 24 * hour },
            nextOnApproved: null,
            nextOnDenied: null
          })]
        },
        tell: {
          steps: [step("map", "twice", null, {
            items: [1, 2],
            steps: [step("emit", "told", null, { event: "told", payload: "{{ item }}" })]
          })]
        }
      }
    }),
    step("parallel", "first", null, {
      wait: "first",
      branches: {
        go: { steps: [step("wait", "hold", null, { event: "go", timeout: { ms: 2 * hour, next: null } })] },
        late: { steps: [step("wait", "never", null, { event: "never", timeout: { ms: hour } })] }
      }
    })
  ]
}

/** A contract whose steps go in a circle, as often as its limit on steps lets them. */
export const circle = {
  schemaVersion: "fermata.contract.v1",
  id: "circle",
  version: "1.0.0",
  title: "Round and round",
  permissions: [],
  limits: { maxSteps: 5 },
  entryStepId: "count",
  steps: [
    step("transform", "count", "again", { set: { n: "{{ $number(state.n ? state.n : 0) + 1 }}" } }),
    step("branch", "again", undefined, { cases: [{ when: "state.n < 20", next: "count" }], default: null })
  ]
}

/** Waits twice for what is paid, with a task between, and takes what came before as well. */
export const buyer = {
  schemaVersion: "fermata.contract.v1",
  id: "buyer",
  version: "1.0.0",
  title: "Waits for what is paid",
  permissions: [{ kind: "task:run" }],
  entryStepId: "paid",
  steps: [
    step("wait", "paid", "work", { event: "order.paid", where: "event.id = input.id" }),
    step("task", "work", "again", {
      task: "here",
      onCrash: "rerun-keyed",
      retry: { maxAttempts: 3, initialMs: 60_000 }
    }),
    step("wait", "again", "other", { event: "order.paid", where: "input.id = event.id" }),
    step("wait", "other", null, { event: "order.closed" })
  ]
}

/** Publishes for three buyers, in an order that suits none of them. */
export const cashier = {
  schemaVersion: "fermata.contract.v1",
  id: "cashier",
  version: "1.0.0",
  title: "Takes money",
  permissions: [{ kind: "event:emit", pattern: "**" }],
  entryStepId: "e0",
  steps: [
    ...[2, 3, 9, 1, 2, 1, 3, 1].map((id, index) =>
      step("emit", `e${index}`, `e${index + 1}`, { event: "order.paid", payload: { id, index } })
    ),
    step("emit", "e8", null, { event: "order.closed", payload: true })
  ]
}

const tasks = Layer.succeed(TaskRuntime, {
  tasks: ["here", "there"],
  submit: ({ attempt, task }): Effect.Effect<TaskReply, TaskFailed> =>
    task === "there"
      ? Effect.succeed({ _tag: "Submitted" })
      : attempt > 1
      ? Effect.succeed({ _tag: "Done", output: "ok" })
      : Effect.fail(new TaskFailed({ task, problem: "not yet", retryable: true }))
})

/** What serves contracts, with this model and these tasks. */
export const serving = (llm: Layer.Layer<Llm.Llm>, runtime: Layer.Layer<TaskRuntime>) =>
  Runs.layer.pipe(
    Layer.provideMerge(Contracts.layer),
    Layer.provideMerge(Layer.mergeAll(Events.layer, runtime, llm))
  )

export const contractLayer = serving(Llm.Llm.layerScripted([{ when: "sort", reply: "bug" }]), tasks)
