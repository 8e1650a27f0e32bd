/**
 * Has tasks done by adapters: each task is handed over to a run of its adapter's
 * workflow (`task.NAME`), whose end is the end of the task. The run is told what
 * it does by an `Assignment`, which it keeps.
 *
 * @example
 * ```ts
 * const dispatch = Dispatch.make({
 *   adapters: { writer: Adapter.model(), heartbeat },
 *   kinds: { "github-story": { adapter: "writer", profile: "lumen" } },
 *   profiles: Profile.folder(Folder.at("profiles"))
 * })
 * ```
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { TaskRequest } from "@fermata/core/Task"
import { TaskRefused } from "@fermata/core/TaskErrors"
import type { Engine } from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import { type LeasedTask, TaskFailed, Tasks } from "@fermata/engine/Tasks"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { type Adapter, AdapterFailed } from "./Adapter.ts"
import * as Assignment from "./Assignment.ts"
import * as Profile from "./Profile.ts"

/** Adapters by their names. */
export interface Adapters {
  readonly [name: string]: Adapter<unknown>
}

/** What adapters need in the process that has them. */
export type ServicesOf<A extends Adapters> = {
  readonly [K in keyof A]: A[K] extends Adapter<infer R> ? R : never
}[keyof A]

/** Which adapters there are, and which does what. */
export interface Options<A extends Adapters> {
  /** By name: letters, digits and hyphens. An adapter that is not listed is not there, whatever a task asks for. */
  readonly adapters: A
  /** Which adapter does tasks of a kind that name none, and by which profile where they name none either. */
  readonly kinds?: Readonly<Record<string, { readonly adapter: string; readonly profile?: string }>>
  readonly profiles?: Profile.Profiles
  /** The queues that are served; `default` when absent. */
  readonly queues?: ReadonlyArray<string>
  /** Tasks that a process hands over at a time; the limits of a queue say how many are at work. 1 when absent. */
  readonly concurrency?: number
}

/** What a task that was done has come to. */
export const Result = Schema.Struct({
  output: Schema.Json,
  /** What the adapter has written beside it, where it has. */
  artifacts: Schema.Array(Schema.Json)
})
export interface Result extends Schema.Schema.Type<typeof Result> {}

/** Adapters that are served. */
export interface Dispatch<R> {
  /** Serves the queues, and the runs that do their tasks. */
  readonly layer: Layer.Layer<
    never,
    Effect.Error<ReturnType<Tasks["Service"]["serve"]>>,
    Engine | R | Tasks | WorkflowEngine
  >
  /**
   * The task as it is to be added here, with its adapter and its profile; refused where there is no such
   * adapter, kind or profile, so that nobody adds what nobody does.
   */
  readonly intake: (request: TaskRequest) => Effect.Effect<TaskRequest, TaskRefused>
  /** What the task is given, as it is now: twice the same where nothing was done with it between. */
  readonly assignment: (task: string) => Effect.Effect<Assignment.Assignment, AdapterFailed, Tasks>
}

/** Dies for a kind that is done by an adapter which is not there, and for a name that is none. */
export const make = <const A extends Adapters>(options: Options<A>): Dispatch<ServicesOf<A>> => {
  const { adapters, concurrency = 1, kinds = {}, profiles = Profile.none, queues = ["default"] } = options
  const names = Object.keys(adapters)
  for (const name of names) {
    if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(name)) {
      throw new TypeError(`"${name}" is no name of an adapter: it is letters, digits and hyphens`)
    }
  }
  for (const [kind, { adapter }] of Object.entries(kinds)) {
    if (!Object.hasOwn(adapters, adapter)) {
      throw new TypeError(
        `Tasks of kind "${kind}" are done by adapter "${adapter}", and there is none; ${known(names)}`
      )
    }
  }
  const routeOf = (kind: string, adapter: string | undefined, profile: string | undefined) => {
    const route = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
    return { adapter: adapter ?? route?.adapter, profile: profile ?? route?.profile }
  }
  const problemOf = (kind: string, adapter: string | undefined): string | undefined =>
    adapter === undefined
      ? `nobody does tasks of kind "${kind}" here: name an adapter, or one of the kinds ${
        Object.keys(kinds).map((name) => `"${name}"`).join(", ") || "(none)"
      }`
      : Object.hasOwn(adapters, adapter)
      ? undefined
      : `there is no adapter "${adapter}" here; ${known(names)}`

  const assignment = Effect.fnUntraced(function*(id: string, as = "") {
    const tasks = yield* Tasks
    const failed = (code: string, problem: string) =>
      new AdapterFailed({ adapter: as, code, problem, retryable: code === "store" })
    const page = yield* tasks.show(id).pipe(Effect.catchTags({
      TaskNotFound: ({ message }) => failed("gone", message),
      StorageFailed: ({ message }) => failed("store", message)
    }))
    const attempts = yield* tasks.attempts(id).pipe(Effect.catchTags({
      TaskNotFound: ({ message }) => failed("gone", message),
      StorageFailed: ({ message }) => failed("store", message)
    }))
    const { profile: name } = routeOf(page.kind, page.adapter, page.profile)
    const profile = name === undefined ? undefined : {
      name,
      text: yield* Effect.mapError(profiles.load(name), ({ message }) => failed("profile", message))
    }
    return Assignment.make(page, attempts, profile)
  })

  const layerOf = (name: string) => {
    const workflow = workflowOf(name)
    const assign = Step.make("assign", {
      input: { task: Schema.String },
      success: Assignment.Assignment,
      error: AdapterFailed,
      onCrash: "rerun",
      run: ({ task }, { keep }) =>
        Effect.tap(
          assignment(task, name),
          ({ text }) => Effect.ignore(keep(text, { name: "assignment.json", mediaType: "application/json" }))
        )
    })
    return workflow.toLayer(Effect.fnUntraced(function*({ task }) {
      const assigned = yield* assign({ task })
      return { output: yield* adapters[name]!.execute(name, assigned), artifacts: [] }
    }))
  }

  const run = Effect.fnUntraced(function*(task: LeasedTask) {
    const { adapter } = routeOf(task.kind, task.adapter, task.profile)
    const problem = problemOf(task.kind, adapter)
    if (problem !== undefined) return yield* new TaskFailed({ code: "no-adapter", message: problem, retryable: false })
    const tasks = yield* Tasks
    return yield* tasks.handOver(task, {
      workflow: `task.${adapter}`,
      payload: { task: task.id, attempt: task.attempt },
      title: task.subject ?? `${task.kind} ${task.id}`,
      labels: { kind: task.kind.replaceAll(/[^\w./-]/g, "-").slice(0, 200) }
    })
  })

  return {
    layer: Layer.effectDiscard(
      Effect.flatMap(
        Tasks,
        (tasks) =>
          Effect.forEach(queues, (queue) => tasks.serve({ queue, adapters: names, concurrency, run }), {
            discard: true
          })
      )
    ).pipe(
      Layer.provideMerge(Layer.mergeAll(Layer.empty, ...names.map(layerOf)))
    ) as Dispatch<ServicesOf<A>>["layer"],
    intake: Effect.fnUntraced(function*(request: TaskRequest) {
      const { adapter, profile } = routeOf(request.kind, request.adapter, request.profile)
      const problem = problemOf(request.kind, adapter)
      if (problem !== undefined) return yield* new TaskRefused({ problem })
      if (profile !== undefined) {
        yield* Effect.mapError(profiles.load(profile), ({ message }) => new TaskRefused({ problem: message }))
      }
      return { ...request, adapter: adapter!, ...(profile === undefined ? {} : { profile }) }
    }),
    assignment: (task) => assignment(task)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const workflowOf = (adapter: string) =>
  Workflow.make(`task.${adapter}`, {
    payload: { task: Schema.String, attempt: Schema.Int },
    success: Result,
    error: AdapterFailed,
    idempotencyKey: ({ attempt, task }) => StoredJson.textOf([task, attempt])
  })

const known = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "there is none" : `there are ${names.map((name) => `"${name}"`).join(", ")}`
