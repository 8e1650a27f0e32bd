/**
 * Machines: workflows with named states, which go from one to another by what
 * tasks come to, or by what somebody says. An instance of one is a run, found by
 * a key; it is in one state at a time, and its history says how it came there.
 *
 * ```text
 *            result of the task, by `next`
 *   state ────────────────────────────────▶ state ──▶ … ──▶ a state that leads nowhere
 *            or a move that somebody asks for
 * ```
 */
import type { TaskRequest } from "@fermata/core/Task"
import type { Engine } from "@fermata/engine/Engine"
import * as RunState from "@fermata/engine/RunState"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as TaskCall from "@fermata/engine/TaskCall"
import { Tasks } from "@fermata/engine/Tasks"
import * as Workflows from "@fermata/engine/Workflows"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"

/** One step of the history of an instance. */
export const Move = Schema.Struct({
  /** ms since the epoch. */
  at: Schema.Finite,
  to: Schema.String,
  /** Absent for the first state. */
  from: Schema.optionalKey(Schema.String),
  /** Who has asked for it; absent where a task has led to it. */
  by: Schema.optionalKey(Schema.String),
  note: Schema.optionalKey(Schema.String)
})
export interface Move extends Schema.Schema.Type<typeof Move> {}

/** An instance as it is now, in the document `instance` of its run. */
export const Standing = Schema.Struct({
  template: Schema.String,
  key: Schema.String,
  state: Schema.String,
  context: Schema.Json,
  /** What the tasks of the instance have come to, in their order: the last 100. */
  results: Schema.Array(Schema.Json),
  /** The last 500. */
  history: Schema.Array(Move),
  /** Why the task of this state was not done, where it was not: somebody has to move the instance. */
  problem: Schema.optionalKey(Schema.String)
})
export interface Standing extends Schema.Schema.Type<typeof Standing> {}

/** An instance, with its context as the machine reads it. */
export type At<C> = Omit<Standing, "context"> & { readonly context: C }

/** A state of a machine. */
export interface State<C> {
  /** Where it may go on to; none where it is an end. */
  readonly to: ReadonlyArray<string>
  /** The task that is done in this state. Without one, somebody moves the instance on. */
  readonly task?: (at: At<C>) => Omit<TaskRequest, "id">
  /** Where the result of the task leads: one of `to`. The first of `to` when absent. */
  readonly next?: (result: Schema.Json, at: At<C>) => string
}

/** A kind of machines. */
export interface Machine {
  readonly name: string
  readonly initial: string
  /** The states, and where each may go on to. */
  readonly states: Readonly<Record<string, ReadonlyArray<string>>>
  /** Its workflow: `machine.NAME`. */
  readonly workflow: Workflow.Any
  readonly layer: Layer.Layer<never, never, Engine | Tasks | WorkflowEngine>
}

/** The name of the workflow of a machine. */
export const workflowOf = (template: string): string => `machine.${template}`

/** Moves an instance that is in the state `from`; one that has gone on since is left alone. */
export const Moved = Signal.make("move", {
  schema: Schema.Struct({
    from: Schema.String,
    to: Schema.String,
    by: Schema.String,
    note: Schema.optionalKey(Schema.String)
  })
})

/** The name of the document of an instance. */
export const document = "instance"

/** Defines a machine. Dies for a state that is named and not there. */
export const make = <const Fields extends Schema.Struct.Fields, const States extends string>(
  name: string,
  options: {
    /** What an instance is told when it is made. */
    readonly context: Fields
    readonly initial: NoInfer<States>
    readonly states: { readonly [S in States]: State<Schema.Struct<Fields>["Type"]> }
  }
): Machine => {
  type C = Schema.Struct<Fields>["Type"]
  const states = options.states as Readonly<Record<string, State<C>>>
  for (const [state, { to }] of [...Object.entries(states), ["", { to: [options.initial] }] as const]) {
    const unknown = to.find((next) => !Object.hasOwn(states, next))
    if (unknown !== undefined) {
      throw new TypeError(`Machine "${name}" leads from "${state}" to "${unknown}", which is no state of it`)
    }
  }
  const payload = { key: Schema.String, context: Schema.Struct(options.context) }
  const workflow = Workflow.make(workflowOf(name), {
    payload,
    success: Standing,
    idempotencyKey: ({ key }) => key
  }).annotate(Workflows.Title, ((given: { readonly key: string }) => given.key) as never)

  const body = Effect.fnUntraced(function*(given: { readonly key: string; readonly context: unknown }) {
    const doc = RunState.make(document, {
      schema: Standing,
      initial: { template: name, key: given.key, state: "", context: null, results: [], history: [] }
    })
    const enter = (to: string, move: Partial<Move>, change: Partial<Standing> = {}) =>
      Effect.flatMap(Clock.currentTimeMillis, (at) =>
        Effect.map(
          RunState.update(doc, ({ problem: _, ...before }): Standing => ({
            ...before,
            ...change,
            state: to,
            history: [...before.history, { at, to, ...move }].slice(-mostMoves)
          })),
          ({ value }) => value
        ))
    const encoded = yield* Effect.orDie(Schema.encodeUnknownEffect(Schema.Struct(options.context))(given.context))
    let now = yield* enter(options.initial, {}, { context: encoded as Schema.Json })
    while (true) {
      const state = states[now.state]!
      if (state.to.length === 0) return now
      const at = { ...now, context: given.context as C }
      const begun = state.task === undefined
        ? undefined
        : yield* Effect.result(TaskCall.begin(`task ${now.state}`, state.task(at)))
      if (begun !== undefined && Result.isFailure(begun)) {
        now = yield* told(doc, begun.failure.message)
        now = yield* moved(now, enter)
        continue
      }
      const came = begun === undefined
        ? { move: yield* legal(now, state.to) }
        : yield* Effect.raceFirst(
          Effect.map(Effect.result(begun.success.end), (end) => ({ end })),
          Effect.map(legal(now, state.to), (move) => ({ move }))
        )
      if ("move" in came) {
        if (begun !== undefined) yield* leave({ task: begun.success.task })
        const { by, from, note, to } = came.move
        now = yield* enter(to, { from, by, ...(note === undefined ? {} : { note }) })
      } else if (Result.isFailure(came.end)) {
        now = yield* told(doc, came.end.failure.message)
        now = yield* moved(now, enter)
      } else {
        const result = came.end.success
        const to = state.next?.(result, at) ?? state.to[0]!
        if (!state.to.includes(to)) {
          now = yield* told(
            doc,
            `its task has led to "${to}", and from "${now.state}" it goes on to ${state.to.join(", ")} alone`
          )
          now = yield* moved(now, enter)
          continue
        }
        now = yield* enter(to, { from: now.state }, { results: [...now.results, result].slice(-mostResults) })
      }
    }
  })
  // Somebody moves an instance on whose task was not done.
  const moved = (
    now: Standing,
    enter: (to: string, move: Partial<Move>) => Effect.Effect<Standing, never, Engine | WorkflowInstance>
  ) =>
    Effect.flatMap(
      legal(now, states[now.state]!.to),
      ({ by, from, note, to }) => enter(to, { from, by, ...(note === undefined ? {} : { note }) })
    )

  return {
    name,
    initial: options.initial,
    states: Object.fromEntries(Object.entries(states).map(([state, { to }]) => [state, to])),
    workflow,
    layer: workflow.toLayer(body as never) as Machine["layer"]
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostMoves = 500
const mostResults = 100

/** Waits for the next move that is of this state and leads where it may. Whoever asks for another has been told before. */
const legal = (
  now: Standing,
  to: ReadonlyArray<string>
): Effect.Effect<typeof Moved.schema.Type, never, Engine | WorkflowInstance> =>
  Effect.flatMap(
    Signal.receive(Moved),
    (move) => move.from === now.state && to.includes(move.to) ? Effect.succeed(move) : legal(now, to)
  )

const told = (doc: RunState.RunState<typeof Standing>, problem: string) =>
  Effect.map(RunState.update(doc, (before): Standing => ({ ...before, problem })), ({ value }) => value)

/** Nobody waits for the task of a state that was left. */
const leave = Step.make("leave", {
  input: { task: Schema.String },
  onCrash: "rerun",
  run: ({ task }) =>
    Effect.flatMap(Tasks, (tasks) => Effect.ignore(tasks.cancel(task, { by: "machine", reason: "state_left" })))
})
