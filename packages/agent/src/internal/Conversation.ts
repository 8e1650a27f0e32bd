/**
 * The loop of an agent in the body of its run: a model call, the calls of tools
 * that it asks for, and so on until it has an answer. The history is rebuilt from
 * the outcomes of the steps; nothing else remembers it.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { Answer, AnswerPart, Message as Said, Usage } from "@fermata/core/AgentMessage"
import type { Amount } from "@fermata/core/Amount"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { AgentFailed, type Code, codes } from "../AgentErrors.ts"
import { type ModelFailed, Models } from "../Model.ts"
import * as Fallback from "../model/Fallback.ts"
import * as AnswerFold from "./AnswerFold.ts"
import * as Budgeting from "./Budgeting.ts"
import * as Compaction from "./Compaction.ts"
import * as DailyBudget from "./DailyBudget.ts"
import { DayFull } from "./DailyBudget.ts"
import { History } from "./History.ts"
import * as Sampling from "./mcp/Sampling.ts"
import { Message } from "./Message.ts"
import * as ModelStep from "./ModelStep.ts"
import * as Output from "./Output.ts"
import * as Routes from "./Routes.ts"
import type { Setup } from "./Setup.ts"
import type * as Skills from "./Skills.ts"
import * as ToolCalls from "./ToolCalls.ts"

/** What a conversation is held with. */
export interface Parts
  extends Omit<ToolCalls.Callers, "memory" | "limit" | "sample">, Pick<Sampling.Parts, "samplingDepth" | "samplingStep">
{
  readonly run: string
  readonly setup: Setup
  /** What is new to tell the model, before it is asked again. */
  readonly news: Effect.Effect<ReadonlyArray<string>, never, Needs>
  /** What two questions for a skill have alike that are answered by the same text. */
  readonly keyOf: Skills.Memory["keyOf"]
  /** How long it is, in characters, what the model is told of its tools. */
  readonly toolCharacters: () => number
  /** What the run may spend, before anybody raised it; no limit when absent. */
  readonly budget: Amount | undefined
  /** What all runs of the agent may spend on a day, as it is now; no limit when absent. */
  readonly dailyBudget: Amount | undefined
  readonly models: ReadonlyArray<string>
  readonly temperature: number | undefined
  readonly shape: Output.Shape | undefined
  readonly modelStep: ModelStep.ModelStep
  /** Whether the run is to end after this turn, with what there is. */
  readonly stop: ((turn: Turn) => boolean) | undefined
}

/** A turn that is over: how many there were, what the model said in it, and what was used so far. */
export interface Turn {
  readonly turns: number
  readonly text: string
  readonly usage: Usage
}

/** What an agent came to. `value` is JSON of the output's schema, or the text itself. */
export interface Ended {
  readonly value: unknown
  readonly isText: boolean
  readonly text: string
  readonly turns: number
  readonly usage: Usage
  /** Why it ended with what there was. */
  readonly stopped: "policy" | "budget" | undefined
}

type Needs = Engine | WorkflowEngine | WorkflowInstance | Models | Chunks

/** Holds a conversation to its end, from what a person or a program has said first. */
export const hold = (parts: Parts, first: Said): Effect.Effect<Ended, AgentFailed, Needs> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => new Conversation(parts, new History(first, now)).hold())

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How far a conversation is. */
interface Progress {
  /** Answers of the model, summaries aside. */
  turns: number
  /** Calls that it has made. */
  calls: number
  usage: Usage
  /** Tokens that an answer may have now. */
  maxTokens: number
  /** How often in a row an answer was cut although the most tokens were allowed. */
  continued: number
  /** How often the answer that is wanted was asked for again, since it did not fit. */
  repaired: number
  /** What the model was told of skills. */
  readonly memory: Skills.Memory
  /** What the model has said since it last called tools, and what it said before. */
  text: string
  lastText: string
}

class Conversation {
  private readonly parts: Parts
  private readonly history: History
  private readonly progress: Progress

  constructor(parts: Parts, history: History) {
    this.parts = parts
    this.history = history
    this.progress = {
      turns: 0,
      calls: 0,
      usage: AgentMessage.noUsage,
      maxTokens: parts.setup.maxTokens,
      continued: 0,
      repaired: 0,
      memory: { shown: new Set(), said: new Map(), keyOf: parts.keyOf },
      text: "",
      lastText: ""
    }
  }

  /** A loop and no recursion, so that a conversation of any length has a stack of one turn. */
  readonly hold = Effect.fnUntraced({ self: this }, function*(
    this: Conversation
  ): Effect.fn.Return<Ended, AgentFailed, Needs> {
    let step: Next = next("turn")
    while (step._tag === "Next") step = yield* this.turn(step.purpose)
    return step.ended
  })

  private readonly turn = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    purpose: ModelStep.Purpose
  ): Effect.fn.Return<Next, AgentFailed, Needs> {
    const { history, parts } = this
    const { setup } = parts
    if (this.progress.turns >= setup.maxTurns) return yield* this.tooManyTurns()
    yield* this.listen()
    if (setup.compaction.strategy !== "off" && history.isLong(setup.compaction)) yield* this.shorten()
    if (!(yield* Budgeting.affords(parts.budget, setup.onBudget, this.reserve(this.progress.maxTokens)))) {
      return yield* this.unpaid()
    }
    const answer = yield* this.answer(purpose)
    if (answer === undefined) return yield* this.unpaid()
    const content = history.owned(answer.content)
    const now = yield* Clock.currentTimeMillis
    if (answer.finish === "refused") {
      return yield* this.failed("ERR_REFUSED", `model "${answer.model}" refuses to answer`)
    }
    if (answer.finish === "length") return yield* this.cut(answer, content, now)
    history.answer(answer, content, now)
    this.progress.text += AgentMessage.textOf(content)
    const wanted = Routes.callsOf(content)
    if (wanted.length > 0) {
      const said = this.progress.text
      this.progress.lastText = said
      yield* this.callTools(wanted)
      return setup.stops && (yield* this.isStopped(said)) ? yield* this.partial(said, "policy") : next("turn")
    }
    if (answer.finish === "paused") return next("turn")
    return answer.finish === "unknown"
      ? yield* this.failed("ERR_UNEXPECTED_STOP", `model "${answer.model}" stopped for a reason that nobody knows`)
      : yield* this.conclude(now)
  })

  /** Asks the model. A conversation that it does not take is made shorter once, and it is asked again. Nothing where the run is to end rather than wait for a budget. */
  private readonly answer = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    purpose: ModelStep.Purpose
  ): Effect.fn.Return<Answer | undefined, AgentFailed, Needs> {
    const asked = yield* Effect.result(this.ask(purpose, () => this.history.messages, this.progress.maxTokens))
    if (Result.isSuccess(asked)) return asked.success
    const { failure } = asked
    if (failure instanceof DayFull) return undefined
    const { compaction } = this.parts.setup
    if (failure.code !== "ERR_PROMPT_TOO_LONG" || compaction.strategy === "off") return yield* this.told(failure)
    const { count } = this.history.middle(compaction)
    if (count === 0) return yield* this.told(failure)
    this.replaceMiddle(Compaction.leftOut(count))
    return yield* Effect.catch(
      this.ask(purpose, () => this.history.messages, this.progress.maxTokens),
      (again) => again instanceof DayFull ? Effect.undefined : Effect.fail(this.told(again))
    )
  })

  /** Takes what has been said to the run, and what is new, since its model was asked last: all of it, so that the model sees it at once. */
  private readonly listen = Effect.fnUntraced({ self: this }, function*(this: Conversation) {
    let message = yield* Signal.poll(Message)
    while (Option.isSome(message)) {
      this.history.hear(message.value.text, yield* Clock.currentTimeMillis)
      message = yield* Signal.poll(Message)
    }
    if (this.progress.turns === 0) return
    for (const news of yield* this.parts.news) this.history.hear(news, yield* Clock.currentTimeMillis)
  })

  /** The run ends with this, unless somebody has said something meanwhile: then its model is asked again. */
  private readonly unlessTold = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    ended: Ended
  ): Effect.fn.Return<Next, never, Needs> {
    const message = yield* Signal.nextOrEnd(Message)
    if (Option.isNone(message)) return { _tag: "Ended", ended }
    this.progress.text = ""
    // Another answer is wanted now, which may take as many attempts as the one that is there.
    this.progress.repaired = 0
    this.history.hear(message.value.text, yield* Clock.currentTimeMillis)
    return next("turn")
  })

  private reserve(maxTokens: number): Effect.Effect<Amount, never, Needs> {
    return Budgeting.reserve(this.parts.models, this.questionTokens(), maxTokens)
  }

  private questionTokens(): number {
    const { history, parts } = this
    // What stands beside the messages is in the count of an answer, once there is one.
    const beside = history.isCounted ? 0 : AnswerFold.tokensOf(parts.setup.instructions.length + parts.toolCharacters())
    return history.size + beside
  }

  /** The models of the next call, the first to be asked first. */
  private readonly order = Effect.fnUntraced({ self: this }, function*(this: Conversation, maxTokens: number) {
    const { models, setup } = this.parts
    if (setup.modelOrder === undefined) return models
    const size = { input: this.questionTokens(), output: maxTokens }
    const chosen = yield* Fallback.choose(yield* Models, models, size, setup.modelOrder)
    // Prices and what can be asked here are configuration: which model is asked first is decided once.
    return yield* Workflows.decide(
      "models",
      Schema.Array(Schema.String),
      () => chosen.models.length === 0 ? models : chosen.models.map(({ name }) => name)
    )
  })

  /** Once the day has room for it. */
  private ask(
    purpose: ModelStep.Purpose,
    messages: () => ReadonlyArray<Said>,
    maxTokens: number
  ): Effect.Effect<Answer, ModelFailed | DayFull, Needs> {
    const { agent, dailyBudget, setup: { onBudget } } = this.parts
    return DailyBudget.asked({ agent, dailyBudget, onBudget }, this.askOnce(purpose, messages, maxTokens))
  }

  private readonly askOnce = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    purpose: ModelStep.Purpose,
    messages: () => ReadonlyArray<Said>,
    maxTokens: number
  ): Effect.fn.Return<Answer, ModelFailed | DayFull, Needs> {
    const { kit, modelStep, run, setup, shape, temperature } = this.parts
    const isSummary = purpose === "summary"
    const turn = this.progress.turns + 1
    const wanted = yield* this.reserve(maxTokens)
    const models = yield* this.order(maxTokens)
    const answer = yield* modelStep({ turn, purpose }).pipe(
      Effect.provideService(Step.Reserved, wanted),
      Effect.provideService(ModelStep.CurrentQuestion, {
        run,
        models,
        instructions: setup.instructions,
        messages,
        tools: isSummary ? [] : Object.values(kit.tools),
        maxTokens,
        temperature,
        output: isSummary ? undefined : shape?.document
      })
    )
    if (!isSummary) this.progress.turns = turn
    this.progress.usage = AgentMessage.addUsage(this.progress.usage, answer.usage)
    return answer
  })

  /** An answer that was cut: the model may say more first, and goes on then, so many times. What it wanted called may be half of what it meant. */
  private readonly cut = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    answer: Answer,
    content: ReadonlyArray<AnswerPart>,
    now: number
  ): Effect.fn.Return<Next, AgentFailed> {
    const { setup } = this.parts
    if (this.progress.maxTokens < setup.raisedMaxTokens) {
      this.progress.maxTokens = setup.raisedMaxTokens
      return next("continue")
    }
    if (this.progress.continued >= setup.continuations) {
      return yield* this.failed(
        "ERR_MAX_TOKENS",
        `max_tokens recovery exhausted after ${this.progress.continued} attempts`
      )
    }
    this.progress.continued++
    const texts = content.filter(({ type }) => type === "text")
    this.progress.text += AgentMessage.textOf(texts)
    this.history.answer(answer, texts, now)
    this.history.hear(goOn, now)
    return next("continue")
  })

  private readonly callTools = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    wanted: ReadonlyArray<Routes.Call>
  ): Effect.fn.Return<void, AgentFailed, Needs> {
    const { parts } = this
    // Nobody would see what came of them.
    if (this.progress.turns >= parts.setup.maxTurns) return yield* this.tooManyTurns()
    this.progress.text = ""
    this.progress.continued = 0
    const { notes, results, usages } = yield* ToolCalls.make(wanted, this.progress.calls, parts.setup.toolConcurrency, {
      ...parts,
      sample: (tool, open) => Sampling.answer(parts, this.progress.turns, tool, open),
      limit: yield* Budgeting.limitOf(parts.budget),
      memory: this.progress.memory
    })
    for (const [index, call] of wanted.entries()) {
      const skill = Routes.skillOf(call)
      const { isFailure, result } = results[index]!
      if (skill === undefined || isFailure) continue
      const key = this.parts.keyOf(skill)
      this.progress.memory.shown.add(key)
      this.progress.memory.said.set(key, result)
    }
    this.progress.calls += wanted.length
    for (const usage of usages) this.progress.usage = AgentMessage.addUsage(this.progress.usage, usage)
    const now = yield* Clock.currentTimeMillis
    this.history.results(results, now)
    for (const note of notes) this.history.hear(note, now)
  })

  /** The model has nothing more to do: what it said is the answer, if it has the shape that it must have. */
  private readonly conclude = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    now: number
  ): Effect.fn.Return<Next, AgentFailed, Needs> {
    const { parts: { setup, shape }, progress: { text, turns, usage } } = this
    const ended = { text, turns, usage, stopped: undefined }
    if (shape === undefined) return yield* this.unlessTold({ ...ended, value: text, isText: true })
    // The schema is configuration too: whether an answer fits is decided once.
    const { isText, problem, value } = yield* Workflows.decide("output", Fit, () => fitOf(Output.read(text, shape)))
    if (problem === undefined) {
      return yield* this.unlessTold({ ...ended, value: isText === true ? text : value, isText: isText === true })
    }
    if (this.progress.repaired >= setup.repairs) {
      return yield* this.failed(problem.code, `the answer cannot be used: ${problem.text}`)
    }
    this.progress.repaired++
    this.progress.text = ""
    this.history.hear(`Your answer cannot be used: ${problem.text}. Answer again, with JSON alone.`, now)
    return next("repair")
  })

  private isStopped(text: string): Effect.Effect<boolean, never, Needs> {
    const { parts: { stop }, progress: { turns, usage } } = this
    return Workflows.decide("stop", Schema.Boolean, () => stop?.({ turns, text, usage }) === true)
  }

  /** Ends with what the model has said so far, where that is of use. */
  private readonly partial = Effect.fnUntraced({ self: this }, function*(
    this: Conversation,
    text: string,
    stopped: "policy" | "budget"
  ): Effect.fn.Return<Next, AgentFailed, Needs> {
    const { parts: { shape }, progress: { turns, usage } } = this
    const read = shape === undefined
      ? { isText: true }
      : yield* Workflows.decide("output", Fit, () => fitOf(Output.read(text, shape)))
    if ("problem" in read && read.problem !== undefined) {
      const code = stopped === "budget" ? "ERR_BUDGET" : read.problem.code
      return yield* this.failed(code, "it was stopped before it had an answer that can be used")
    }
    const isText = read.isText === true
    const value = isText ? text : "value" in read ? read.value : text
    return { _tag: "Ended", ended: { value, isText, text, turns, usage, stopped } }
  })

  /** Ends with what there is, for want of a budget. */
  private unpaid(): Effect.Effect<Next, AgentFailed, Needs> {
    const { lastText, text } = this.progress
    return this.partial(text === "" ? lastText : text, "budget")
  }

  /** Makes the conversation shorter, and no further than it must be. */
  private readonly shorten = Effect.fnUntraced({ self: this }, function*(this: Conversation) {
    const { history, parts: { setup: { compaction } } } = this
    const { strategy } = compaction
    if (strategy === "microcompact" || strategy === "auto") {
      history.microcompact(compaction, yield* Clock.currentTimeMillis)
      this.progress.memory.shown.clear()
      if (strategy === "microcompact" || history.isShort(compaction)) return
    }
    const { count, words } = history.middle(compaction)
    if (count === 0) return
    if (strategy === "drop-middle") return this.replaceMiddle(Compaction.leftOut(count))
    const summary = yield* Effect.result(
      this.ask("summary", () => [...words(), AgentMessage.user(Compaction.request)], compaction.summaryMaxTokens)
    )
    const text = Result.isSuccess(summary) ? AgentMessage.textOf(summary.success.content) : ""
    // A summary that could not be had is no reason to fail: the middle is left out then.
    this.replaceMiddle(text === "" ? Compaction.leftOut(count) : Compaction.summedUp(text))
  })

  /** Puts words in the place of the middle, and with it goes what was loaded. */
  private replaceMiddle(words: string): void {
    this.history.replaceMiddle(this.parts.setup.compaction, words)
    this.progress.memory.shown.clear()
  }

  private told(failure: ModelFailed): AgentFailed {
    return this.failed(Object.hasOwn(codes, failure.code) ? failure.code as Code : "ERR_API", failure.message)
  }

  private tooManyTurns(): AgentFailed {
    const { turns } = this.progress
    return this.failed(
      "ERR_MAX_TURNS",
      `Run exceeded max turns: it has asked its model ${turns} times, which is as often as it may`
    )
  }

  private failed(code: Code, problem: string): AgentFailed {
    return new AgentFailed({ agent: this.parts.agent, code, problem, turns: this.progress.turns })
  }
}

type Next = { readonly _tag: "Next"; readonly purpose: ModelStep.Purpose } | {
  readonly _tag: "Ended"
  readonly ended: Ended
}

const next = (purpose: ModelStep.Purpose): Next => ({ _tag: "Next", purpose })

const goOn = "Your answer was cut off. Go on exactly where it ended, without repeating anything and without an apology."

const Fit = Schema.Struct({
  isText: Schema.optionalKey(Schema.Literal(true)),
  value: Schema.optionalKey(Schema.Json),
  problem: Schema.optionalKey(
    Schema.Struct({ code: Schema.Literals(["JSON_PARSE_FAILED", "SCHEMA_VALIDATION_FAILED"]), text: Schema.String })
  )
})

const fitOf = (read: Output.Read): typeof Fit.Type =>
  read._tag === "Fits"
    ? { value: read.value as Schema.Json }
    : read._tag === "Text"
    ? { isText: true }
    : { problem: { code: read.code, text: read.problem } }
