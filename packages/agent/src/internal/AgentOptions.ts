/** What an agent is made of: what it is told, may use and may spend, and where its limits are. */
import type { Amount } from "@fermata/core/Amount"
import type * as HttpService from "@fermata/engine/HttpService"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type * as Duration from "effect/Duration"
import type * as Schema from "effect/Schema"
import type * as Fallback from "../model/Fallback.ts"
import type * as Policy from "../Policy.ts"
import type * as Skill from "../Skill.ts"
import type * as Compaction from "./Compaction.ts"
import type * as Conversation from "./Conversation.ts"
import type * as Money from "./Money.ts"
import type * as Subagents from "./Subagents.ts"

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

/** Any agent, as a tool of another, and as it is listed for people. */
export interface Any extends Subagents.Below {
  /** The models that it asks, the next where one fails. */
  readonly models: ReadonlyArray<string>
  /** The names of its own tools; agents below aside. */
  readonly tools: ReadonlyArray<string>
  /** The MCP servers that it uses, by name. */
  readonly mcp: ReadonlyArray<string>
  /** Agents that its model may give work to. */
  readonly agents: ReadonlyArray<Any>
  /** What a run may spend that was told nothing else, and what all of them may on a day. */
  readonly budget: Amount | undefined
  readonly dailyBudget: Amount | undefined
}
