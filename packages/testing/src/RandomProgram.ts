/**
 * Random small programs: a tree that fast-check draws, as the body of a
 * workflow. What its steps answer depends on the tree and the attempt alone, so
 * every life of a program may be compared with every other.
 */
import type { CrashRule } from "@fermata/core/CrashRule"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import * as Spent from "@fermata/core/Spent"
import * as Approval from "@fermata/engine/Approval"
import type { Engine } from "@fermata/engine/Engine"
import * as RunState from "@fermata/engine/RunState"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Activity from "effect/workflow/Activity"
import * as Workflow from "effect/workflow/Workflow"
import type * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import * as fc from "fast-check"

/** A step of a random program. */
export interface StepNode {
  readonly tag: "step"
  readonly name: string
  readonly takes: "no time" | "turns" | "time"
  /** The first attempts, as many, fail. */
  readonly fails: number
  readonly retry: "none" | "at once" | "spaced"
  readonly onCrash: CrashRule
  readonly keyed: boolean
  readonly nested: "no" | "rerun" | "ask"
  readonly limited: boolean
}

/** A part of a random program. */
export type Node =
  | StepNode
  | { readonly tag: "sleep" | "yield" | "state" | "fail" | "approval" | "child" | "activity" | "odd" | "decide" }
  | { readonly tag: "receive" | "poll" | "drain"; readonly name: string }
  | { readonly tag: "sequence" | "race"; readonly nodes: ReadonlyArray<Node> }
  | { readonly tag: "all"; readonly nodes: ReadonlyArray<Node>; readonly concurrency: number }
  | { readonly tag: "timeout" | "retry" | "catch" | "compensated" | "ensured" | "masked"; readonly node: Node }
  | { readonly tag: "fork"; readonly node: Node; readonly meanwhile: Node }

/** Names of the signals that programs wait for. */
export const signals = ["x", "y"] as const

/** A business error. */
export class Declined extends Schema.TaggedError<Declined>()("Declined", { reason: Schema.String }) {}

/** The workflow that runs a random program. */
export const W = Workflow.make("random", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Declined,
  idempotencyKey: ({ id }) => id
})

const step: fc.Arbitrary<StepNode> = fc.record({
  tag: fc.constant("step"),
  name: fc.constantFrom("a", "b"),
  takes: fc.constantFrom("no time", "turns", "time"),
  fails: fc.constantFrom(0, 0, 0, 1, 2),
  retry: fc.constantFrom("none", "at once", "spaced"),
  onCrash: fc.constantFrom("rerun", "rerun-keyed", "commit-together", "probe", "ask"),
  keyed: fc.constantFrom(false, false, true),
  nested: fc.constantFrom("no", "no", "rerun", "ask"),
  limited: fc.constantFrom(false, false, true)
})

/** Programs of a handful of nodes. */
export const program: fc.Arbitrary<Node> = fc.letrec<{ node: Node; leaf: Node; branch: Node }>((tie) => ({
  leaf: fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 2, arbitrary: fc.record({ tag: fc.constant("sleep") }) },
    {
      weight: 3,
      arbitrary: fc.record({
        tag: fc.constantFrom("receive", "receive", "poll", "drain"),
        name: fc.constantFrom(...signals)
      })
    },
    {
      weight: 2,
      arbitrary: fc.record({
        tag: fc.constantFrom("yield", "state", "fail", "approval", "child", "activity", "odd", "decide", "decide")
      })
    }
  ),
  branch: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        tag: fc.constant("sequence"),
        nodes: fc.array(tie("node"), { minLength: 1, maxLength: 4 })
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({
        tag: fc.constant("all"),
        nodes: fc.array(tie("node"), { minLength: 2, maxLength: 4 }),
        concurrency: fc.constantFrom(2, 3, 10)
      })
    },
    {
      weight: 2,
      arbitrary: fc.record({ tag: fc.constant("race"), nodes: fc.array(tie("node"), { minLength: 2, maxLength: 3 }) })
    },
    {
      weight: 5,
      arbitrary: fc.record({
        tag: fc.constantFrom("timeout", "retry", "catch", "compensated", "ensured", "masked"),
        node: tie("node")
      })
    },
    { weight: 1, arbitrary: fc.record({ tag: fc.constant("fork"), node: tie("node"), meanwhile: tie("node") }) }
  ),
  node: fc.oneof({ depthSize: "small", maxDepth: 4 }, tie("leaf"), tie("branch"))
})).branch

/** A decision as one pass has come to it. */
export interface Decision {
  /** Whether the code was asked, and not the journal. */
  made: boolean
  /** Undefined where the pass has not gone on. */
  value: number | undefined
}

/** What is outside the run: what its bodies did, what its code saw in each pass, and when something comes due. */
export class Outside {
  /** What the code saw, pass by pass. */
  readonly passes: Array<Array<string>> = []
  /** Moments (ms) at which a body or its timeout ends. */
  readonly moments = new Set<number>()
  readonly compensated: Array<string> = []
  /** Keys of `commit-together` steps, once for each body that came to its end. */
  readonly together: Array<string> = []
  /** What the code went on with at its decisions, pass by pass and in order. */
  readonly decisions: Array<Array<Decision>> = []
  /** What the bodies of its steps have spent, by their keys. */
  readonly spent = new Map<string, number>()
  /** What is decided: something else each time that it is asked for. */
  readonly draw: () => number

  constructor(draw?: () => number) {
    let drawn = 0
    this.draw = draw ?? (() => ++drawn)
  }
}

/** How long the node with this number sleeps, ms; different for each, and so are the sums of a few. */
const millis = (number: number) => 1_009 + number * 617 + number * number * 101

const Document = RunState.make("seen", { schema: Schema.Array(Schema.Int), initial: [] })

/** What an attempt of the step of this number spends at most, in two parts (micros). */
const priceOf = (number: number) => 1_000 + 7 * number

/** What an attempt of the step of this number keeps: most nothing, some texts, bytes, or what others keep too. */
const kept = (number: number, attempt: number): ReadonlyArray<string | Uint8Array> =>
  number % 4 === 1
    ? [`log of ${number}, attempt ${attempt}`, "the same for all"]
    : number % 4 === 2
    ? [Uint8Array.of(0xff, number, attempt)]
    : []

/** What a step of this number gives. */
export const valueOf = (number: number) => `v${number}`

/** A probe finds every third step done, and can say nothing about the odd ones of the others. */
const found = (input: number): Effect.Effect<Option.Option<string>, Declined> =>
  input % 3 === 0
    ? Effect.succeedSome(valueOf(input))
    : input % 2 === 0
    ? Effect.succeedNone
    : Effect.fail(new Declined({ reason: "nobody knows" }))

const stepOf = (drawn: StepNode, number: number, outside: Outside) => {
  const together = drawn.onCrash === "commit-together"
  // A body that commits together waits for nothing.
  const node: StepNode = together
    ? { ...drawn, limited: false, nested: "no", takes: drawn.takes === "time" ? "turns" : drawn.takes }
    : drawn
  const limit = node.limited ? { timeout: 3 * millis(number) - 7 } : {}
  const rule = node.onCrash === "commit-together"
    ? { onCrash: node.onCrash }
    : node.onCrash === "probe"
    ? {
      onCrash: node.onCrash,
      probe: (input: number, { keep }: Step.StepContext) =>
        Effect.andThen(Effect.orDie(keep(`what there is of ${input}`)), found(input)),
      ...limit
    }
    : { onCrash: node.onCrash, ...limit }
  return Step.make(node.name, {
    input: Schema.Int,
    success: Schema.String,
    error: Declined,
    ...rule,
    ...(node.keyed ? { key: (input: number) => `${input}` } : {}),
    ...(node.retry === "none" ? {} : {
      retry: node.retry === "at once"
        ? Schedule.recurs(2)
        : Schedule.spaced(millis(number) + 13).pipe(Schedule.upTo({ times: 2 }))
    }),
    run: Effect.fnUntraced(function*(input, { attempt, keep, key, spend }) {
      // A body that commits together may be done again by the store.
      const pay = (micros: number) =>
        Effect.suspend(() => {
          if (together) return Effect.void
          outside.spent.set(key, (outside.spent.get(key) ?? 0) + micros)
          return spend({ micros })
        })
      yield* pay(number)
      yield* Effect.forEach(kept(number, attempt), (content) => Effect.orDie(keep(content, { name: key })))
      const now = yield* Clock.currentTimeMillis
      if (node.limited) outside.moments.add(now + 3 * millis(number) - 7)
      if (node.nested === "rerun") yield* inner(number)
      if (node.nested === "ask") yield* innerAsk(number)
      if (node.takes === "turns") yield* Effect.yieldNow
      if (node.takes === "time") {
        // Not the time at which the body began: a step inside may have waited for a person.
        outside.moments.add((yield* Clock.currentTimeMillis) + millis(number) + 1)
        yield* Effect.sleep(millis(number) + 1)
      }
      yield* pay(priceOf(number) - number)
      if (attempt <= node.fails) return yield* new Declined({ reason: `${input} ${attempt}` })
      if (together) outside.together.push(key)
      return valueOf(input)
    })
  })
}

/** The workflow that a random program has as a child. */
export const Child = Workflow.make("child", {
  payload: { number: Schema.Int },
  success: Schema.String,
  error: Declined,
  idempotencyKey: ({ number }) => `${number}`
})

/** Waits for time, for somebody, and for a step; every third fails. */
const childLayer = Child.toLayer(Effect.fnUntraced(function*({ number }) {
  yield* Effect.sleep(millis(number) + 17)
  if (number % 2 === 0) yield* Signal.receive(Signal.make("x", { schema: Schema.Int }))
  yield* Effect.provideService(errand(number), Step.Reserved, { micros: 2 * number })
  return number % 3 === 0 ? yield* new Declined({ reason: `child ${number}` }) : valueOf(number)
}))

const inner = Step.make("inner", { input: Schema.Int, success: Schema.Int, onCrash: "rerun", run: Effect.succeed })
const errand = Step.make("errand", {
  input: Schema.Int,
  onCrash: "rerun",
  run: (number, { spend }) =>
    Effect.andThen(spend({ micros: number }), Effect.andThen(Effect.yieldNow, spend({ micros: number })))
})
const innerAsk = Step.make("asking", {
  input: Schema.Int,
  success: Schema.String,
  onCrash: "ask",
  run: (input) => Effect.succeed(valueOf(input))
})
const added = Step.make("added", { input: Schema.Int, onCrash: "rerun", run: () => Effect.void })
const decided = Step.make("decided", { input: Schema.Int, onCrash: "rerun", run: () => Effect.void })
const polled = Step.make("polled", { input: Schema.Int, onCrash: "rerun", run: () => Effect.void })
const undo = Step.make("undo", { input: Schema.Int, onCrash: "rerun", run: () => Effect.void })

/** Hands over what cannot be stored, as input or outcome, and changes whatever it is given. */
const odd = Step.make("odd", {
  input: Schema.Any,
  success: Schema.Any,
  onCrash: "rerun",
  run: (given: { readonly number: number; readonly list: Array<number> }) =>
    Effect.sync(() => {
      given.list.push(given.number)
      return given.number % 3 === 0 ? { list: 1n } : { list: given.list }
    })
})

/** Why, without the run, which is another in a fork. */
const problemOf = (cause: Cause.Cause<unknown>) =>
  FailureText.ofCause(ExitJson.causeToJson(cause)).split(" cannot be stored: ").at(-1)

const oddly = (number: number) =>
  Effect.gen(function*() {
    const input = { number, list: [0], more: number % 3 === 1 ? [new Map([[number, number]])] : [] }
    const exit = yield* Effect.exit(odd(input))
    if (Exit.isFailure(exit)) return Cause.hasInterrupts(exit.cause) ? yield* exit : [input.list, problemOf(exit.cause)]
    const { list }: { readonly list: Array<number> } = exit.value
    const seen = [...list]
    list.push(-1)
    return [input.list, seen]
  })

/** All signals until the run is told to end. What was found is the input of steps. */
const drained = (name: string) =>
  Effect.gen(function*() {
    const all: Array<number> = []
    while (true) {
      const next = yield* Signal.nextOrEnd(Signal.make(name, { schema: Schema.Int }))
      if (Option.isNone(next)) return all
      all.push(next.value)
      yield* polled(next.value)
    }
  })

type Code = Effect.Effect<
  unknown,
  Declined,
  Engine | Scope.Scope | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance | Workflow.Execution<"random">
>

/** The code of a program; `renewed` with a new step, behind a patch marker, before everything that it does. */
export const layerOf = (tree: Node, outside: Outside, renewed = false) =>
  Layer.merge(
    childLayer,
    W.toLayer(Effect.fnUntraced(function*() {
      const seen: Array<string> = []
      outside.passes.push(seen)
      const decisions: Array<Decision> = []
      outside.decisions.push(decisions)
      let count = 0
      const code = (node: Node): Code => {
        const number = ++count
        const before = inOrder(node, number)
        const changed = renewed
          ? Effect.flatMap(
            Workflows.patched(`${number}`),
            (isNew) => isNew ? Effect.andThen(added(number), before) : before
          )
          : before
        const logged = Effect.onExit(changed, (exit) =>
          Effect.gen(function*() {
            const how = Exit.isSuccess(exit)
              ? JSON.stringify(exit.value)
              : JSON.stringify(ExitJson.withoutPlaces(ExitJson.causeToJson(exit.cause)))
            const { total } = yield* Workflows.spent
            seen.push(
              `${number} ${node.tag} ${how} at ${yield* Clock.currentTimeMillis}, ${yield* Random.nextIntBetween(
                0,
                1_000
              )}, for ${Spent.text(total)}`
            )
          }))
        return logged
      }
      const inOrder = (node: Node, number: number): Code => {
        switch (node.tag) {
          case "step":
            // Steps with a key share it with others, whoever asks first.
            return Effect.provideService(
              stepOf(node, number, outside)(node.keyed ? number % 2 : number),
              Step.Reserved,
              { micros: priceOf(number) }
            )
          case "sleep":
            return Effect.sleep(millis(number))
          case "yield":
            return Effect.yieldNow
          case "approval":
            return Effect.match(
              Approval.ask("question", {
                prompt: `${number}`,
                approvers: ["ada"],
                onTimeout: number % 2 === 0 ? "deny" : "approve",
                ...(number % 3 === 0 ? {} : { deadline: millis(number) + 19 })
              }),
              { onFailure: ({ by }) => `denied by ${by}`, onSuccess: ({ by }) => by }
            )
          case "child":
            return Effect.provideService(Child.execute({ number }), Workflows.Granted, { micros: 90_000 })
          case "activity":
            return Activity.make({ name: `activity ${number}`, success: Schema.Int, execute: Effect.succeed(number) })
          case "odd":
            return oddly(number)
          case "decide":
            return Effect.suspend(() => {
              const decision: Decision = { made: false, value: undefined }
              decisions.push(decision)
              const decide = Workflows.decide("what", Schema.Int, () => {
                decision.made = true
                return outside.draw()
              })
              // A pass that goes on with another value asks for the step with another input.
              return Effect.as(Effect.flatMap(decide, (value) => decided(decision.value = value)), number)
            })
          case "masked":
            return Effect.uninterruptible(code(node.node))
          case "fork": {
            const meanwhile = code(node.meanwhile)
            return Effect.flatMap(
              Effect.forkChild(code(node.node)),
              (fiber) => Effect.andThen(meanwhile, Fiber.join(fiber))
            )
          }
          case "fail":
            return Effect.fail(new Declined({ reason: `${number}` }))
          case "state":
            return Effect.map(RunState.update(Document, (all) => [...all, number]), ({ value }) => value)
          case "receive":
            return Signal.receive(Signal.make(node.name, { schema: Schema.Int }))
          case "poll":
            // What was found is the input of the step.
            return Effect.tap(
              Signal.poll(Signal.make(node.name, { schema: Schema.Int })),
              (found) => polled(Option.getOrElse(found, () => -1))
            )
          case "drain":
            return drained(node.name)
          case "sequence":
            return Effect.forEach(node.nodes.map(code), (effect) => effect)
          case "all":
            return Effect.all(node.nodes.map(code), { concurrency: node.concurrency })
          case "race":
            return Effect.raceAll(node.nodes.map(code))
          case "timeout":
            return Effect.map(Effect.timeoutOption(code(node.node), millis(number) + 3), (value) => value._tag)
          case "retry":
            return Effect.retry(code(node.node), Schedule.spaced(millis(number) + 5).pipe(Schedule.upTo({ times: 2 })))
          case "catch":
            return Effect.catch(code(node.node), ({ reason }) => Effect.succeed(`caught ${reason}`))
          case "compensated":
            return W.withCompensation(
              code(node.node),
              () => Effect.andThen(Effect.sync(() => void outside.compensated.push(`${number}`)), undo(number))
            )
          case "ensured":
            return Effect.ensuring(code(node.node), Effect.ignore(undo(number)))
        }
      }
      const given = yield* code(tree)
      // The end of every other program is one for want of a signal.
      if (tree.tag === "sequence" || tree.tag === "all") seen.push(`end ${yield* drained(signals[0])}`)
      return given
    }))
  )
