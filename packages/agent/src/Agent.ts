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
import type { Chunks } from "@fermata/engine/Chunks"
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
import type * as AgentTool from "./AgentTool.ts"
import * as AgentChecks from "./internal/AgentChecks.ts"
import * as Brought from "./internal/Brought.ts"
import * as Compaction from "./internal/Compaction.ts"
import * as Conversation from "./internal/Conversation.ts"
import { madeOnce } from "./internal/MadeOnce.ts"
import { Message } from "./internal/Message.ts"
import * as ModelStep from "./internal/ModelStep.ts"
import * as Money from "./internal/Money.ts"
import * as Output from "./internal/Output.ts"
import * as PlanStep from "./internal/PlanStep.ts"
import { Setup } from "./internal/Setup.ts"
import * as Skills from "./internal/Skills.ts"
import * as Subagents from "./internal/Subagents.ts"
import * as ToolStep from "./internal/ToolStep.ts"
import type { Models } from "./Model.ts"
import type * as Fallback from "./model/Fallback.ts"
import * as Policy from "./Policy.ts"
import * as Skill from "./Skill.ts"

type AnyTools = Record<string, Tool.Any>

/** What an agent is. What is left out is as `AgentDefaults` says. */
export interface Options<
  In extends Schema.Top,
  Out extends Schema.Top,
  Tools extends AnyTools
> {
  /** What the model is told before anything else. Recorded at the start of a run, and the same until its end. */
  readonly instructions: string | ((input: In["Type"]) => string)
  /** What it is for: told to a model that has this agent as a tool. */
  readonly description?: string
  /** What a run is given; text when absent. */
  readonly input?: In
  /** What the model is asked first. By default the input: its text, or its JSON. */
  readonly prompt?: (input: In["Type"]) => string
  /** What a run comes to; text when absent. An answer that does not fit is asked for again, `repairs` times. */
  readonly output?: Out
  /** The model, or several: the next is asked where one fails. */
  readonly model?: string | ReadonlyArray<string>
  /**
   * Which of several is asked first: the one that is named first (`given`, the
   * default), or, for each call anew, the `cheapest` that holds the question, with
   * an answer as long as it may be and nothing of the question in a cache. One
   * whose price nobody knows counts as dear. Decided once for each call and recorded.
   */
  readonly modelOrder?: Fallback.Order
  /** From 0 to 2; of the provider when absent. */
  readonly temperature?: number
  readonly toolkit?: Toolkit.Toolkit<Tools>
  /** Agents that the model may give work to, each as a tool of its name. */
  readonly agents?: ReadonlyArray<Any>
  /**
   * What the model may look up how to do: these, or those that a source has when
   * a run begins, such as a folder. Without them those of the process, if it has
   * any (`Skill.layer`); an empty list is none.
   */
  readonly skills?: ReadonlyArray<Skill.Skill> | Skill.Source
  /**
   * The hosts from which skills of a run may be fetched, as in `EgressPolicy`:
   * of those that the way out of the process leads to, and of all when absent.
   */
  readonly skillHosts?: ReadonlyArray<string>
  /** What the model may ask over HTTP, by the tool `ApiCall`; those of the process when absent (`HttpService.layer`). */
  readonly services?: HttpService.Services
  /**
   * MCP servers of the process, by name: their tools are `mcp__SERVER__TOOL`. Which
   * there are is listed when a run begins, and what changes is told to the model
   * between its turns. See `McpServers`.
   */
  readonly mcp?: ReadonlyArray<string>
  /** What may be done without asking. What only reads, by default; people are asked about everything else. */
  readonly policy?: Policy.Policy
  /**
   * Asked after each turn whether the run is to end with what there is. Decided
   * once for each turn and recorded, as policy is.
   */
  readonly stop?: (turn: Turn) => boolean
  /**
   * What a run may spend, its subagents included. Before each model call the most
   * that it can cost is held against what is left.
   */
  readonly budget?: Budget
  /**
   * What all runs of this agent together may spend on a UTC day, in every process
   * that shares their store; subagents spend by their own. It holds exactly: each
   * call reserves what it may cost before it is made, and counts on the day of its
   * request. It is as in the code at the time of a call. A run for which too little
   * is left goes on when the next day begins, when calls in flight have cost less
   * than they reserved, or when somebody raises its budget.
   */
  readonly dailyBudget?: Budget
  /**
   * What happens when either is not enough: the run waits, suspended as `budget`,
   * until somebody raises it (`ask`, the default), or ends with what there is.
   */
  readonly onBudget?: "ask" | "finish"
  readonly limits?: Limits
  /** What is done about a conversation that grows longer than its model takes. */
  readonly compaction?: CompactionOptions
}

/** How a conversation is made shorter. */
export type CompactionOptions = Compaction.Options

/**
 * What may be spent: US dollars, tokens, or both. Dollars go by the prices of models, by
 * which what is read from a cache is cheap. Tokens are all that models read and write, each
 * once: what a cache had counts in full, since it was sent. They bound how much is said.
 */
export type Budget = Money.Budget

/** What is said of one run. */
export interface RunOptions {
  /** Runs with one id are one run; without it each is a new one. */
  readonly id?: string
  /** What this run may spend, instead of what its agent says. */
  readonly budget?: Budget
  /** The skills of this run, in place of all others: what they say, or where that is. */
  readonly skills?: ReadonlyArray<Skill.OfRun>
  /** The services of this run, in place of all others, reached where the way out of the process leads. Its `custom` and hooks are those of the others. */
  readonly services?: ReadonlyArray<HttpService.Entry>
}

/** A turn that is over: how many there were, what the model said in it, and what was used so far. */
export type Turn = Conversation.Turn

/** Limits of a run. */
export interface Limits {
  /** Model calls. */
  readonly turns?: number
  /** Agents above one that may still have agents below. */
  readonly depth?: number
  /** Safe tools side by side. */
  readonly toolConcurrency?: number
  /** One model call. */
  readonly turnTimeout?: Duration.Input
  /** Time in which the run does something; waiting for people does not count. */
  readonly runTimeout?: Duration.Input
  /** Tokens of an answer; one that was cut is asked for again with `raisedMaxTokens`. */
  readonly maxTokens?: number
  readonly raisedMaxTokens?: number
  /** Further attempts of a model call that failed. */
  readonly retries?: number
  /** How often an answer that does not fit its schema is asked for again. */
  readonly repairs?: number
}

const payload = <In extends Schema.Top>(input: In) => ({
  id: Schema.String,
  input,
  /** What this run may spend. */
  budget: Schema.optionalKey(Amount),
  /** Agents above this run. */
  depth: Schema.optionalKey(Schema.Int),
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

/** Any agent, as a tool of another, and as it is listed for people. */
export interface Any extends Subagents.Below {
  /** The models that it asks, the next where one fails. */
  readonly models: ReadonlyArray<string>
  /** The names of its own tools; agents below aside. */
  readonly tools: ReadonlyArray<string>
  /** Agents that its model may give work to. */
  readonly agents: ReadonlyArray<Any>
  /** What a run may spend that was told nothing else, and what all of them may on a day. */
  readonly budget: Amount | undefined
  readonly dailyBudget: Amount | undefined
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

  const modelStep = ModelStep.make({
    turnTimeoutMs: millis(limits.turnTimeout, defaults.turnTimeoutMs),
    maxRetries: limits.retries ?? defaults.maxRetries,
    maxOverloads: defaults.maxOverloads,
    retryBaseMs: defaults.retryBaseMs,
    retryMaxMs: defaults.retryMaxMs
  })
  let characters: number | undefined
  const toolCharacters = (): number =>
    characters ??= Object.values(tools).reduce((sum, tool) => sum + ToolStep.lengthOf(tool), 0)
  const ofTool = (tool: string): Tool.Any | undefined =>
    Brought.toolOf(tool) ?? (Object.hasOwn(own, tool) ? own[tool] : undefined)
  const toolStep = madeOnce((tool: string, onCrash: AgentTool.Rules["onCrash"]) =>
    ToolStep.make(tool, ofTool(tool), onCrash)
  )
  const planStep = madeOnce((tool: string) => PlanStep.make(tool, ofTool(tool)))
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
    { budget, depth = 0, input: given, services: servicesOfRun, skills: skillsOfRun }: {
      readonly budget?: Amount
      readonly depth?: number
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
      policy,
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
      stop: options.stop,
      toolStep: (tool, onCrash) => brought.step(tool, onCrash) ?? toolStep(tool, onCrash),
      planStep,
      child: (tool, params, place, grant) =>
        Effect.provideService(
          Subagents.run(tool, below.get(tool), params, `${runId}/${place}`, depth + 1),
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

  const execute = (given: In["Type"], id: string, { budget, services, skills }: RunOptions) => {
    AgentChecks.skills(`A run of agent "${name}"`, { skills })
    AgentChecks.services(services)
    return {
      id,
      input: given,
      ...(budget === undefined ? {} : { budget: Money.amountOf(budget) }),
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
    agents,
    budget: allowance,
    dailyBudget,
    workflow,
    layer: workflow.toLayer(body as never) as Agent<Name, In, Out, Tools>["layer"],
    run: (given, options = {}) =>
      Effect.flatMap(idOf(options.id), (id) => workflow.execute(execute(given, id, options))) as Effect.Effect<
        Result<Out["Type"]>,
        AgentFailed,
        WorkflowEngine
      >,
    start: (given, options = {}) =>
      Effect.flatMap(
        idOf(options.id),
        (id) => workflow.execute(execute(given, id, options), { discard: true })
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
