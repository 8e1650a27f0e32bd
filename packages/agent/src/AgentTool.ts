/**
 * What is true of a tool beside its schemas. Tools are those of `effect/ai`;
 * these annotations say what a crash in the middle of a call means, what may run
 * beside it and what it touches. A tool without any is taken at its worst: its
 * call is asked about after a crash, runs alone, and changes the world.
 *
 * @example
 * ```ts
 * const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
 *   .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
 * ```
 */
import { Artifact } from "@fermata/core/Artifact"
import type { CrashRule } from "@fermata/core/CrashRule"
import type { ArtifactRefused, StepContext } from "@fermata/engine/Step"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { annotated } from "./internal/Annotated.ts"

/** What a tool touches, the mildest first. */
export type Permission = "read" | "write" | "network" | "process"

/**
 * What rules of a policy go by in a call of a tool: files that it touches, a line
 * for a shell, an address, or another text. `of` reads it from the arguments as
 * the model gave them, before anything has looked at them: undefined where they
 * are not those of the tool, and an empty list where a call has none.
 */
export interface Subject {
  readonly kind: "path" | "command" | "url" | "text"
  readonly of: (params: Schema.Json) => string | ReadonlyArray<string> | undefined
}

/** The subject of a tool that has it in an argument of its own; with `or`, that argument may be left out. */
export const subject = (kind: Subject["kind"], argument: string, or?: string | ReadonlyArray<string>): Subject => ({
  kind,
  of: (params) => {
    if (typeof params !== "object" || params === null || Array.isArray(params)) return undefined
    const given = Object.hasOwn(params, argument) ? (params as Schema.JsonObject)[argument] : undefined
    return typeof given === "string" ? given : given === undefined || given === null ? or : undefined
  }
})

/** The rules of one tool, whole. */
export interface Rules {
  readonly onCrash: Exclude<CrashRule, "probe" | "commit-together">
  /** May run beside other safe calls of one answer. */
  readonly safe: boolean
  readonly permission: Permission
  /** The most characters of a result that the model is shown. The whole of a longer one is kept as an artifact of the step. */
  readonly maxResult: number
  /** A call is ended as soon as its run is cancelled; one with the rule `ask` has 30 s to come to a result without. */
  readonly stopsAtOnce: boolean
  /** ms for one attempt; without end when absent. */
  readonly timeoutMs: number | undefined
  /** What rules of a policy go by; nothing but the tool itself when absent. */
  readonly subject: Subject | undefined
  /** What is otherwise in one call, by its arguments as the model gave them: one that only reads may do so again after a crash. */
  readonly ofCall: ((params: Schema.Json) => OfCall) | undefined
}

/** What may be otherwise from call to call. */
export interface OfCall extends Partial<Pick<Rules, "onCrash" | "safe" | "permission">> {}

const worst: Rules = {
  onCrash: "ask",
  safe: false,
  permission: "write",
  maxResult: 100_000,
  stopsAtOnce: false,
  timeoutMs: undefined,
  subject: undefined,
  ofCall: undefined
}

const Annotation = Context.Reference<Rules>("@fermata/agent/AgentTool/Rules", { defaultValue: () => worst })

const ProbeAnnotation = Context.Reference<Probe | undefined>("@fermata/agent/AgentTool/Probe", {
  defaultValue: () => undefined
})

const InRun = Context.Reference<boolean>("@fermata/agent/AgentTool/inRun", { defaultValue: () => false })

/** Says what is true of a tool, for `annotateMerge`; what is left out is as without rules. */
export const rules = (
  given: Partial<Omit<Rules, "timeoutMs">> & { readonly timeout?: Duration.Input }
): Context.Context<never> => {
  const { timeout, ...rest } = given
  return Context.make(Annotation, {
    ...worst,
    ...rest,
    timeoutMs: timeout === undefined ? undefined : Math.ceil(Duration.toMillis(timeout))
  }) as Context.Context<never>
}

/** The rules of a tool, or of a call of it with these arguments. */
export const rulesOf = (tool: Tool.Any, params?: Schema.Json): Rules => {
  const rules = Context.get(tool.annotations, Annotation)
  return params === undefined || rules.ofCall === undefined ? rules : { ...rules, ...rules.ofCall(params) }
}

/**
 * A call that has done nothing, and may be made again: a handler that fails with
 * it is called again as another attempt of its step, after a durable wait of
 * `afterMs`, or of a second that doubles each time. After so many further
 * attempts the model is told the `result`, or the problem.
 */
export class CallAgain extends Schema.TaggedError<CallAgain>()("CallAgain", {
  problem: Schema.String,
  retries: Schema.Int,
  afterMs: Schema.optionalKey(Schema.Int),
  result: Schema.optionalKey(Schema.Json)
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * What a call is going to do, found out before it is asked about and made: by
 * looking alone, since it is found out again after a crash. `shown` is for the
 * people who are asked, such as the difference to a file, and `state` for the
 * handler and the probe, such as a digest of what was there: so that what was
 * seen is what is done, or nothing is.
 */
export interface Plan {
  readonly shown: string
  readonly state: Schema.Json
}

/** Finds out what a call is going to do. Where it fails, the call is not made and nobody is asked: the model is told why. */
export type Planner = (params: unknown) => Effect.Effect<Plan, unknown, unknown>

const PlanAnnotation = Context.Reference<Planner | undefined>("@fermata/agent/AgentTool/Plan", {
  defaultValue: () => undefined
})

/** The tool, with a plan of each call. It has the services that the layer of the tool's handlers was built with; without one of them each call fails. */
export const plan = <T extends Tool.Any, R>(
  tool: T,
  make: (params: Tool.Parameters<T>) => Effect.Effect<Plan, unknown, R>
): T => annotated(tool, Context.make(PlanAnnotation, make as Planner) as Context.Context<never>)

/** What finds out the plans of a tool's calls. */
export const planOf = (tool: Tool.Any): Planner | undefined => Context.get(tool.annotations, PlanAnnotation)

/** The state of the plan of the call that a handler carries out, or that a probe asks about; undefined for a tool without plans. */
export const CurrentPlan: Context.Reference<Schema.Json | undefined> = Context.Reference<Schema.Json | undefined>(
  "@fermata/agent/AgentTool/CurrentPlan",
  { defaultValue: () => undefined }
)

/**
 * The folder that the tools of an agent work in, as an absolute path: what a layer of tools says that its agent is
 * given, such as `Workspace.layer` of `@fermata/agent-node`. Policies judge paths from it on.
 */
export const CurrentWorkspace: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@fermata/agent/AgentTool/CurrentWorkspace",
  { defaultValue: () => undefined }
)

/**
 * Files that the policy of the agent does not let be read, as globs from the root
 * of its workspace on (`Policy.Policy.unreadable`): for whatever gives files to
 * the handlers of tools, so that none shows what another must not.
 */
export const CurrentUnreadable: Context.Reference<ReadonlyArray<string>> = Context.Reference<ReadonlyArray<string>>(
  "@fermata/agent/AgentTool/CurrentUnreadable",
  { defaultValue: () => [] }
)

/** Asks, after a crash, whether a call was done: its result as the tool encodes it, or none if it has not happened and may run. */
export type Probe = (params: unknown, call: StepContext) => Effect.Effect<Option.Option<unknown>, unknown, unknown>

/**
 * The tool, with a probe that is asked after a crash whether the call was done;
 * its `onCrash` no longer counts. It has the services that the layer of the
 * tool's handlers was built with.
 */
export const probe = <T extends Tool.Any, R>(
  tool: T,
  ask: (
    params: Tool.Parameters<T>,
    call: StepContext
  ) => Effect.Effect<Option.Option<Tool.SuccessEncoded<T>>, unknown, R>
): T => annotated(tool, Context.make(ProbeAnnotation, ask as Probe) as Context.Context<never>)

/** The probe of a tool. */
export const probeOf = (tool: Tool.Any): Probe | undefined => Context.get(tool.annotations, ProbeAnnotation)

/**
 * Marks a tool whose handler runs in the body of the run, for `annotateMerge`: it
 * may sleep for days, ask people, wait for signals and start child runs, and all
 * of it is durable. What it does itself must be steps, since it runs again on
 * every replay.
 */
export const inRun: Context.Context<never> = Context.make(InRun, true) as Context.Context<never>

/** Whether the handler of a tool runs in the body of the run. */
export const isInRun = (tool: Tool.Any): boolean => Context.get(tool.annotations, InRun)

/** How much of a result the model is not shown: its length in characters, and the whole where it was no more than an artifact may be. */
export const Cut = Schema.Struct({ characters: Schema.Int, whole: Schema.optionalKey(Artifact) })
export interface Cut extends Schema.Schema.Type<typeof Cut> {}

/**
 * The call that a handler carries out: its key in the run, its attempt, an
 * idempotency key that every attempt has alike, and `keep` for what is to stay
 * beside its result. Dies outside of a tool step.
 */
export const call: Effect.Effect<StepContext> = Effect.flatMap(
  Effect.suspend(() => CurrentCall),
  (call) =>
    call === undefined
      ? Effect.die(new Error("There is no tool call here: ask for it in the handler of a tool that runs as a step"))
      : Effect.succeed(call)
)

/** The call of the handler, as the loop provides it. */
export const CurrentCall: Context.Reference<StepContext | undefined> = Context.Reference<StepContext | undefined>(
  "@fermata/agent/AgentTool/CurrentCall",
  { defaultValue: () => undefined }
)

/**
 * Shows the model a file beside the result of the call, such as a picture: it is
 * kept with the outcome of the step, and told to every model that takes files of
 * its type; one that does not is told so. Only a call that succeeds shows anything.
 * Fails where the file is larger than an artifact may be, and dies outside of a
 * tool step.
 */
export const show = (
  content: Uint8Array,
  options: { readonly mediaType: string; readonly name: string }
): Effect.Effect<Artifact, ArtifactRefused> =>
  Effect.gen(function*() {
    const { keep } = yield* call
    const kept = yield* keep(content, options)
    const aside = yield* CurrentAside
    aside?.files.push(kept)
    return kept
  })

/**
 * Says in the handler of a call that it has gone wrong in a way in which calls of
 * the same answer that come after it are not to be made: their results say so.
 */
export const stopOthers: Effect.Effect<void> = Effect.flatMap(
  Effect.suspend(() => CurrentAside),
  (aside) =>
    Effect.sync(() => {
      if (aside !== undefined) aside.stopsOthers = true
    })
)

/** What the handler of a call has said beside its result so far. */
export interface Aside {
  readonly files: Array<Artifact>
  stopsOthers: boolean
}

/** The same, as the loop provides it. */
export const CurrentAside: Context.Reference<Aside | undefined> = Context.Reference<Aside | undefined>(
  "@fermata/agent/AgentTool/CurrentAside",
  { defaultValue: () => undefined }
)

const Requirements = Context.Reference<ReadonlyArray<string>>("@fermata/agent/AgentTool/Requirements", {
  defaultValue: () => []
})

/** A tool, and what its handler needs of the process beside what it needed before. */
export type Requiring<T, Service> = T extends Tool.Tool<infer Name, infer Config, infer Before>
  ? Tool.Tool<Name, Config, Before | Service>
  : never

/**
 * The tool, whose handler needs a service of the process that carries a call out,
 * such as a `Sandbox`: `Agent.layer` needs it then. Where it is missing all the
 * same, no call is made and nobody is asked about one: the model is told what is
 * missing. (`dependencies` of `Tool.make` are types alone, so that a handler is
 * begun before anybody sees that something is missing.)
 */
export const requires = <T extends Tool.Any, Service, Shape>(
  tool: T,
  service: Context.Key<Service, Shape>
): Requiring<T, Service> =>
  annotated(tool, Context.make(Requirements, [...requirementsOf(tool), service.key]) as Context.Context<never>)

/** What an agent with these tools needs: their handlers, and what those need beside the run that they are called in. */
export type Needs<Tools extends Record<string, Tool.Any>> =
  | Tool.HandlersFor<Tools>
  | Exclude<Tool.Requirements<Tools[keyof Tools]>, WorkflowInstance>

/** The keys of the services that a tool's handler needs. */
export const requirementsOf = (tool: Tool.Any): ReadonlyArray<string> => Context.get(tool.annotations, Requirements)
