/**
 * Agents: a model with tools, instructions and limits, as a durable workflow.
 * Every model call, tool call, question and subagent is a step of the run's
 * journal, so that a run goes on where its process died: an answer that has
 * arrived is not paid again, and a call that has settled is not made again.
 *
 * @example
 * ```ts
 * const Reviewer = Agent.make("reviewer", {
 *   instructions: "You review one file and say what is wrong with it.",
 *   toolkit: Toolkit.make(Read),
 *   output: Schema.Array(Finding)
 * })
 * ```
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import { Amount } from "@fermata/core/Amount"
import type { StorageFailed } from "@fermata/engine/Backend"
import { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import * as HttpService from "@fermata/engine/HttpService"
import * as Signal from "@fermata/engine/Signal"
import * as Workflows from "@fermata/engine/Workflows"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { defaults } from "./AgentDefaults.ts"
import { AgentFailed } from "./AgentErrors.ts"
import * as AgentTool from "./AgentTool.ts"
import * as AgentChecks from "./internal/AgentChecks.ts"
import type { Any, Options, RunOptions } from "./internal/AgentOptions.ts"
import * as Brought from "./internal/Brought.ts"
import * as Compaction from "./internal/Compaction.ts"
import * as Conversation from "./internal/Conversation.ts"
import { madeOnce } from "./internal/MadeOnce.ts"
import * as Sampling from "./internal/mcp/Sampling.ts"
import { Message } from "./internal/Message.ts"
import * as ModelStep from "./internal/ModelStep.ts"
import * as Money from "./internal/Money.ts"
import * as Output from "./internal/Output.ts"
import * as PlanStep from "./internal/PlanStep.ts"
import * as InWorkspace from "./internal/policy/InWorkspace.ts"
import { Setup } from "./internal/Setup.ts"
import * as Skills from "./internal/Skills.ts"
import * as StandingStep from "./internal/StandingStep.ts"
import * as Subagents from "./internal/Subagents.ts"
import * as ToolStep from "./internal/ToolStep.ts"
import { CurrentSamplingDepth } from "./mcp/McpSampling.ts"
import type { Models } from "./Model.ts"
import * as Policy from "./Policy.ts"
import * as Skill from "./Skill.ts"

export type { Any, Budget, CompactionOptions, Limits, Options, RunOptions, Turn } from "./internal/AgentOptions.ts"

type AnyTools = Record<string, Tool.Any>

const payload = <In extends Schema.Top>(input: In) => ({
  id: Schema.String,
  input,
  /** What this run may spend. */
  budget: Schema.optionalKey(Amount),
  /** Agents above this run. */
  depth: Schema.optionalKey(Schema.Int),
  /** Samplings of MCP servers that have led to this run. */
  sampling: Schema.optionalKey(Schema.Int),
  /** The skills of this run, and no others. */
  skills: Schema.optionalKey(Schema.Array(Skill.OfRun)),
  /** The services of this run, and no others. */
  services: Schema.optionalKey(Schema.Array(HttpService.Entry))
})

/** What a run of an agent came to. */
const resultOf = <Out extends Schema.Top>(output: Out) =>
  Schema.Struct({
    output,
    text: Schema.String,
    turns: Schema.Int,
    usage: AgentMessage.Usage,
    stopped: Schema.optionalKey(Schema.Literals(["policy", "budget"]))
  })

/** The workflow that an agent's runs are of. */
export type AgentWorkflow<Name extends string, In extends Schema.Top, Out extends Schema.Top> = Workflow.Workflow<
  Name,
  Schema.Struct<ReturnType<typeof payload<In>>>,
  ReturnType<typeof resultOf<Out>>,
  typeof AgentFailed
>

/** What a run of an agent came to: its output, the text of its last answer, and what it took, with its subagents. */
export interface Result<Out> {
  readonly output: Out
  readonly text: string
  /** Model calls that were answered. */
  readonly turns: number
  readonly usage: AgentMessage.Usage
  /** Why it ended before the model was done, with what there was. */
  readonly stopped?: "policy" | "budget"
}

/** An agent. */
export interface Agent<
  in out Name extends string,
  In extends Schema.Top,
  Out extends Schema.Top,
  Tools extends AnyTools
> extends Any {
  readonly name: Name
  readonly input: In
  readonly workflow: AgentWorkflow<Name, In, Out>
  /** Serves the agent's runs in a process that has models, the handlers of its tools, and what those require. */
  readonly layer: Layer.Layer<never, never, Engine | WorkflowEngine | Models | Chunks | AgentTool.Needs<Tools>>
  /** Runs the agent, and waits for what it comes to: as a child run in the body of a workflow, else by itself. */
  readonly run: (
    input: In["Type"],
    options?: RunOptions
  ) => Effect.Effect<Result<Out["Type"]>, AgentFailed, WorkflowEngine>
  /** Starts a run, and gives its id when it is recorded. */
  readonly start: (
    input: In["Type"],
    options?: RunOptions
  ) => Effect.Effect<string, never, WorkflowEngine>
}

/**
 * The schema of an output that is taken as text where the model's answer does not
 * fit, so that a run ends with what there is. Without it such an answer is asked
 * for again, and fails the run in the end.
 */
export const lenient: <S extends Schema.Top>(schema: S) => Schema.Union<readonly [S, typeof Schema.String]> =
  Output.lenient

/**
 * Says something to a run that is on its way. Success means that it is recorded:
 * the model sees it when it is asked next, and an answer that is on its way does
 * not end the run without it. A run that fails, is cancelled or is stopped by its
 * budget or by `stop` ends over it.
 * With an `id`, what was said before is not said again.
 */
export const tell = (
  runId: string,
  text: string,
  options: { readonly id?: string; readonly by?: string } = {}
): Effect.Effect<"accepted" | "duplicate", Signal.SignalRefused | StorageFailed, Engine> =>
  Signal.send(Message, { runId, payload: { text }, ...options })

/**
 * Defines an agent. Throws where it cannot be: two tools of one name, one named
 * as a step of the loop, or a number that is none, such as a limit below 1.
 */
export const make = <
  const Name extends string,
  In extends Schema.Top = typeof Schema.String,
  Out extends Schema.Top = typeof Schema.String,
  Tools extends AnyTools = {}
>(name: Name, options: Options<In, Out, Tools>): Agent<Name, In, Out, Tools> => {
  const { agents = [], compaction = {}, limits = {}, policy = Policy.rules(), toolkit } = options
  const input = (options.input ?? Schema.String) as In
  const output = (options.output ?? Schema.String) as Out
  const shape = Output.shapeOf(output)
  const models = typeof options.model === "string" ? [options.model] : options.model ?? [defaults.model]
  const own: AnyTools = { ...toolkit?.tools }
  const below = new Map(agents.map((agent) => [agent.name, agent]))
  const tools: AnyTools = {
    ...own,
    ...Object.fromEntries(agents.map((agent) => [agent.name, Subagents.toolOf(agent)]))
  }
  AgentChecks.names(name, own, agents, options)
  AgentChecks.numbers(name, options)
  AgentChecks.skills(`Agent "${name}"`, options)
  const allowance = options.budget === undefined ? undefined : Money.amountOf(options.budget)
  const dailyBudget = options.dailyBudget === undefined ? undefined : Money.amountOf(options.dailyBudget)

  const workflow = Workflow.make(name, {
    payload: payload(input),
    success: resultOf(output),
    error: AgentFailed,
    idempotencyKey: (given) => (given as { readonly id: string }).id
  }).annotate(Workflows.Limits, {
    maxActiveMs: millis(limits.runTimeout, defaults.runTimeoutMs)
  }) as unknown as AgentWorkflow<Name, In, Out>

  const attempts = {
    turnTimeoutMs: millis(limits.turnTimeout, defaults.turnTimeoutMs),
    maxRetries: limits.retries ?? defaults.maxRetries,
    maxOverloads: defaults.maxOverloads,
    retryBaseMs: defaults.retryBaseMs,
    retryMaxMs: defaults.retryMaxMs
  }
  const modelStep = ModelStep.make(attempts)
  const samplingStep = ModelStep.make(attempts, Sampling.stepName)
  let characters: number | undefined
  const toolCharacters = (): number =>
    characters ??= Object.values(tools).reduce((sum, tool) => sum + ToolStep.lengthOf(tool), 0)
  const ofTool = (tool: string): Tool.Any | undefined =>
    Brought.toolOf(tool) ?? (Object.hasOwn(own, tool) ? own[tool] : undefined)
  const toolStep = madeOnce((tool: string, onCrash: AgentTool.Rules["onCrash"]) =>
    ToolStep.make(tool, ofTool(tool), onCrash)
  )
  const planStep = madeOnce((tool: string) => PlanStep.make(tool, ofTool(tool)))
  const standingStep = madeOnce((tool: string) => StandingStep.make(tool))
  const setup = (given: In["Type"], brought: Brought.Chosen): Setup => ({
    instructions: [
      typeof options.instructions === "string" ? options.instructions : options.instructions(given),
      Skills.section(brought.skills?.list ?? []),
      shape === undefined ? "" : Output.instruction(shape)
    ].filter((part) => part !== "").join("\n\n"),
    maxTurns: limits.turns ?? defaults.maxTurns,
    maxDepth: limits.depth ?? defaults.maxDepth,
    maxTokens: limits.maxTokens ?? defaults.maxTokens,
    raisedMaxTokens: limits.raisedMaxTokens ?? defaults.raisedMaxTokens,
    continuations: defaults.continuations,
    repairs: limits.repairs ?? defaults.repairs,
    toolConcurrency: limits.toolConcurrency ?? defaults.toolConcurrency,
    stops: options.stop !== undefined,
    compaction: Compaction.settingsOf(compaction),
    ...(allowance === undefined ? {} : { budget: allowance }),
    onBudget: options.onBudget ?? "ask",
    ...(options.modelOrder === "cheapest" ? { modelOrder: options.modelOrder } : {}),
    ...brought
  })

  const body = Effect.fnUntraced(function*(
    { budget, depth = 0, input: given, sampling: samplingDepth = 0, services: servicesOfRun, skills: skillsOfRun }: {
      readonly budget?: Amount
      readonly depth?: number
      readonly sampling?: number
      readonly input: In["Type"]
      readonly skills?: ReadonlyArray<Skill.OfRun>
      readonly services?: ReadonlyArray<HttpService.Entry>
    },
    runId: string
  ) {
    const handlers = toolkit === undefined
      ? undefined
      : yield* toolkit as unknown as Effect.Effect<Toolkit.WithHandler<AnyTools>>
    const services = yield* Effect.context<never>()
    const chunks = yield* Chunks
    const bringers: Brought.Bringers = {
      skills: { own: options.skills, ofRun: skillsOfRun, ofProcess: yield* Skill.CurrentSource },
      skillHosts: options.skillHosts,
      services: { own: options.services, ofRun: servicesOfRun, ofProcess: yield* HttpService.CurrentServices },
      mcp: options.mcp
    }
    const first = yield* Workflows.decide("setup", Start, () => ({
      setup: setup(given, Brought.choose(bringers)),
      prompt: options.prompt?.(given) ?? Output.inputText(input, given)
    }))
    const brought = yield* Effect.mapError(
      Brought.hold(first.setup, bringers, runId),
      (problem) => new AgentFailed({ agent: name, code: "ERR_CONFIG", problem, turns: 0 })
    )
    const offered = brought.join(tools)
    const kit: ToolStep.Kit = {
      tools: offered,
      carryOut: brought.carriers(handlers),
      writer: (entry) => chunks.writer(runId, entry),
      ...ToolStep.servicesIn(services, own)
    }
    // Whoever starts a run says what it may spend; a parent grants a part of what it has.
    const limit = budget ?? (yield* Workflows.budget).granted ?? first.setup.budget
    const ended = yield* Conversation.hold({
      run: runId,
      toolCharacters: () => toolCharacters() + brought.characters(),
      agent: name,
      depth,
      maxDepth: first.setup.maxDepth,
      tools: offered,
      agents: new Set(below.keys()),
      policy: InWorkspace.of(policy, yield* AgentTool.CurrentWorkspace),
      setup: brought.told === ""
        ? first.setup
        : { ...first.setup, instructions: `${first.setup.instructions}\n\n${brought.told}` },
      news: brought.news,
      keyOf: brought.keyOf,
      budget: limit,
      dailyBudget,
      kit,
      models,
      temperature: options.temperature,
      shape,
      modelStep,
      samplingStep,
      samplingDepth,
      stop: options.stop,
      toolStep: (tool, onCrash) => brought.step(tool, onCrash) ?? toolStep(tool, onCrash),
      planStep,
      standingStep,
      child: (tool, params, place, grant) =>
        Effect.provideService(
          Subagents.run(tool, below.get(tool), params, `${runId}/${place}`, depth + 1, samplingDepth),
          Workflows.Granted,
          grant
        )
    }, AgentMessage.user(first.prompt))
    const decoded = shape === undefined || ended.isText ? Exit.succeed(ended.text) : shape.decode(ended.value)
    if (Exit.isFailure(decoded)) {
      return yield* new AgentFailed({
        agent: name,
        code: "SCHEMA_VALIDATION_FAILED",
        problem: "the answer fitted the schema of an earlier build, and fits that of this one no more",
        turns: ended.turns
      })
    }
    const { stopped, text, turns, usage } = ended
    return { output: decoded.value, text, turns, usage, ...(stopped === undefined ? {} : { stopped }) }
  })

  const execute = (given: In["Type"], id: string, { budget, services, skills }: RunOptions, sampling: number) => {
    AgentChecks.skills(`A run of agent "${name}"`, { skills })
    AgentChecks.services(services)
    return {
      id,
      input: given,
      ...(budget === undefined ? {} : { budget: Money.amountOf(budget) }),
      ...(sampling === 0 ? {} : { sampling }),
      ...(skills === undefined ? {} : { skills }),
      ...(services === undefined ? {} : { services })
    } as never
  }

  return {
    name,
    description: options.description ?? "",
    input,
    models,
    tools: [...Object.keys(own), ...Brought.namesOf(options)],
    mcp: options.mcp ?? [],
    agents,
    budget: allowance,
    dailyBudget,
    workflow,
    layer: workflow.toLayer(body as never) as Agent<Name, In, Out, Tools>["layer"],
    run: (given, options = {}) =>
      Effect.flatMap(
        idOf(options.id),
        (id) =>
          Effect.flatMap(CurrentSamplingDepth, (sampling) => workflow.execute(execute(given, id, options, sampling)))
      ) as Effect.Effect<
        Result<Out["Type"]>,
        AgentFailed,
        WorkflowEngine
      >,
    start: (given, options = {}) =>
      Effect.flatMap(
        idOf(options.id),
        (id) =>
          Effect.flatMap(
            CurrentSamplingDepth,
            (sampling) => workflow.execute(execute(given, id, options, sampling), { discard: true })
          )
      ) as unknown as Effect.Effect<string, never, WorkflowEngine>
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a run begins with. */
const Start = Schema.Struct({ setup: Setup, prompt: Schema.String })

const millis = (given: Duration.Input | undefined, otherwise: number): number =>
  given === undefined ? otherwise : Duration.toMillis(given)

/** In a body, chance comes from the engine, so that a replay asks for the same run. */
const idOf = (id: string | undefined): Effect.Effect<string> =>
  id === undefined ? Effect.map(WebCrypto, (web) => web.randomUUID()) : Effect.succeed(id)
