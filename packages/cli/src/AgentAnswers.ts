/**
 * What the models of an agent answered, told from the journal alone, so that a
 * command that serves no agent can tell it too.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type * as RunView from "@fermata/core/RunView"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Words from "./Words.ts"

/** What a run of an agent has asked of models so far. */
export interface Answers {
  /** Model calls that were answered, those of agents below aside. */
  readonly turns: number
  /** The models that answered. */
  readonly models: ReadonlyArray<string>
  /** Whether all that answered was a script, and no provider was asked. */
  readonly scripted: boolean
  /** Tokens, of agents below that are done too. */
  readonly usage: AgentMessage.Usage
  /** What the run came to; wrapped, since `null` is an answer too. */
  readonly output: { readonly value: unknown } | undefined
}

/** What models answered in a run; undefined where none did. */
export const of = ({ children, output, steps }: RunView.RunView): Answers | undefined => {
  const answered = steps.flatMap(({ input, label, output }) => {
    const answer = label === "llm" ? answerOf(output) : undefined
    return answer === undefined ? [] : [{ answer, isTurn: fieldOf(input, "purpose") !== "summary" }]
  })
  if (answered.length === 0) return undefined
  const answers = answered.map(({ answer }) => answer)
  const below = children.flatMap(({ output }) => Option.toArray(decodeUsage(fieldOf(output, "usage"))))
  return {
    turns: answered.filter(({ isTurn }) => isTurn).length,
    models: [...new Set(answers.map(({ model }) => model))],
    scripted: answers.every(isScripted),
    usage: [...answers.map(({ usage }) => usage), ...below].reduce(AgentMessage.addUsage, AgentMessage.noUsage),
    output: Predicate.hasProperty(output, "output") ? { value: output.output } : undefined
  }
}

/** The same as a line for people. */
export const text = ({ models, scripted, turns, usage }: Answers): string =>
  `${Words.count(turns, "turn")}, ${tokens(inputOf(usage))} in, ${tokens(usage.output)} out${
    usage.estimated === true ? " (estimated)" : ""
  }, by ${scripted ? `${Words.list(models)}: a script answered, and no provider was asked` : Words.list(models)}`

/** The tokens of a question, those of the provider's cache included. */
export const inputOf = ({ cacheRead, cacheWrite, input }: AgentMessage.Usage): number => input + cacheRead + cacheWrite

/** One answer as the rest of a line: what the model wants called, or what it says. Undefined for what is no answer. */
export const lineOf = (output: unknown): string | undefined => {
  const answer = answerOf(output)
  if (answer === undefined) return undefined
  const called = answer.content.flatMap((part) =>
    part.type === "call" || part.type === "broken-call" ? [part.tool] : []
  )
  if (called.length > 0) return `calls ${called.join(", ")}`
  const said = AgentMessage.textOf(answer.content).replaceAll(/\s+/g, " ").trim()
  return said === "" ? "says nothing" : `says ${said.length > longest ? `${said.slice(0, longest - 1)}…` : said}`
}

/** Whether an entry is the first decision of an agent: what it decides on its way is told by what follows. */
export const isBeginning = (entry: JournalEntry.JournalEntry): boolean =>
  entry._tag === "Decided" && entry.name === "setup" && Predicate.hasProperty(entry.value, "setup") &&
  Predicate.hasProperty(entry.value, "prompt")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of an answer that are shown of it. */
const longest = 80

const decodeAnswer = Schema.decodeUnknownOption(AgentMessage.Answer)
const decodeUsage = Schema.decodeUnknownOption(AgentMessage.Usage)

const answerOf = (output: unknown): AgentMessage.Answer | undefined =>
  Predicate.hasProperty(output, "content") && Predicate.hasProperty(output, "provider")
    ? Option.getOrUndefined(decodeAnswer(output))
    : undefined

const isScripted = ({ provider }: AgentMessage.Answer): boolean => provider === "scripted"

const fieldOf = (value: unknown, name: string): unknown => Predicate.hasProperty(value, name) ? value[name] : undefined

const tokens = (count: number): string => Words.count(count, "token")
