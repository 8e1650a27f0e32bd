/**
 * What an agent may do without asking: decided for each call of a tool, once.
 * The decision is recorded, and holds for the call however often the run is
 * replayed and whatever the policy has become meanwhile.
 */
import * as Approval from "@fermata/engine/Approval"
import * as Duration from "effect/Duration"
import type * as Deciding from "./internal/policy/Deciding.ts"
import * as Judge from "./internal/policy/Judge.ts"
import * as Rule from "./internal/policy/Rule.ts"

/** A call that a model wants to make, and where it stands: `depth` counts the agents above this one. */
export type Call = Deciding.Call

/**
 * What becomes of a call: it is made; it is refused, and the model is told why;
 * people are asked about exactly these arguments, which they may edit; or it is
 * made with other arguments.
 *
 * With `always` a question offers rules that whoever answers may let stand
 * (`fermata approve --always`). From then on the policy is asked once more about
 * each call that it would ask people about and that offers rules, with all that
 * stand in `standing`; where it allows the call then, and says by which, nobody
 * is asked. So a policy in code that asks without `always` is never overruled.
 */
export type Decision = Deciding.Decision

/** Decides about calls. A function of the call alone, without effects. */
export interface Policy {
  (call: Call): Decision
  /**
   * Files that no tool may read, as globs from the root of the workspace on: a
   * workspace neither reads, lists nor searches them, whatever they are called by.
   * `rules` has those of its rules that deny `Read`; a policy in code that asks
   * one of rules hands its own on (`Object.assign`).
   */
  readonly unreadable?: ReadonlyArray<string>
}

/** Everything is done: the default of other engines. */
export const open: Policy = () => ({ decision: "allow" })

/** Nothing is done. */
export const locked: Policy = ({ tool }) => ({
  decision: "deny",
  reason: `no tool may be called, and so not "${tool}"`
})

/** Rules of a policy. Each is the name of a tool, in which `*` stands for any part, or that and in parentheses which of its calls. */
export interface RulesOptions {
  /**
   * `rules`, the default: what no rule is about is done where it only reads inside
   * of the workspace, and asked about otherwise. `open`: it is done, but a command
   * that runs what it is given (`env`, `bash -c`, `xargs`) is asked about where a rule
   * forbids some commands or asks about them. `locked`: nothing is done, whatever the
   * rules say.
   */
  readonly mode?: "open" | "rules" | "locked"
  /** Calls that are made without asking. */
  readonly allow?: ReadonlyArray<string>
  /** Calls that people are asked about, also where another rule allows them. */
  readonly ask?: ReadonlyArray<string>
  /** Calls that are refused, whatever the other rules say. */
  readonly deny?: ReadonlyArray<string>
  /** Who is asked; "operator" by default. */
  readonly approvers?: ReadonlyArray<string>
  /** Who of them may not answer: `requester` is who started the run; any other text is a name or a role. */
  readonly notBy?: string | ReadonlyArray<string>
  /** Who else is asked when nobody has answered for so long: stages in the order of their times. */
  readonly escalate?: ReadonlyArray<{ readonly after: Duration.Input; readonly to: ReadonlyArray<string> }>
  /** How often those who are asked are reminded, by the event `engine.approval.reminder`. */
  readonly remind?: { readonly every: Duration.Input; readonly most: number }
  /**
   * The folder in which relative paths begin, so that absolute ones into it are known as such; that of the process by
   * default, where its tools have one. Rules that people let stand hold in it alone.
   */
  readonly workspace?: string
}

/**
 * A policy by rules, and without any the default of an agent: what only reads is
 * done, inside of the workspace where it reads files, and "operator" is asked
 * about everything else. Throws where a rule is none, and where times make no sense. What forbids wins over what asks,
 * and that over what allows; a line for a shell is allowed only where each command
 * in it is, and asked about where nobody can say what it does. A relative path in it
 * is meant in each folder that the line may have gone to by `cd`. Files are allowed as
 * they are written, and forbidden in upper and lower case.
 *
 * Whoever is asked about what no rule is about may let a rule stand: the line or
 * what it begins with, the file, the host, or the tool. A rule that stands opens
 * nothing that a rule here forbids or asks about, and no line that cannot be read.
 *
 * | rule | means calls of |
 * |---|---|
 * | `Read` | the tool |
 * | `mcp__github__*` | all tools whose name begins so |
 * | `mcp__github__issue(args:{"title":"a"})` | of a tool that has nothing else for rules to go by: with exactly these arguments |
 * | `Bash(git log:*)` | a command that begins with these words; not with an option by which one that reads does more, such as `--output`, unless the rule names it |
 * | `Bash(npm test)` | exactly this command |
 * | `Bash(risk:reads)` | commands of a risk: see `CommandRisk` |
 * | `Read(src/**)` | files, from the workspace on; a name without a slash wherever it lies |
 * | `Read(/etc/**)` | files outside of the workspace |
 * | `Read(**\/.env)`, denied | files that no tool reads, lists or finds anything in, nor a command in a sandbox |
 * | `WebFetch(domain:*.example.com)` | addresses below a name |
 *
 * @example
 * ```ts
 * const policy = Policy.rules({
 *   allow: ["Bash(git log:*)", "Edit(src/**)"],
 *   deny: ["Read(**\/.env)"],
 *   approvers: ["maintainers"]
 * })
 * ```
 */
export const rules = (options: RulesOptions = {}): Policy => {
  const read = (texts: ReadonlyArray<string> = []) => texts.map(Rule.read)
  const rules: Judge.Rules = {
    mode: options.mode ?? "rules",
    allow: read(options.allow),
    ask: read(options.ask),
    deny: read(options.deny),
    approvers: options.approvers === undefined || options.approvers.length === 0 ? ["operator"] : options.approvers,
    terms: termsOf(options),
    workspace: options.workspace
  }
  return Object.assign((call: Call) => Judge.decide(rules, call), {
    unreadable: Judge.unreadable(rules)
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const termsOf = ({ escalate, notBy, remind }: RulesOptions): Deciding.Terms => {
  const terms: Deciding.Terms = {
    ...(notBy === undefined ? {} : { notBy: typeof notBy === "string" ? [notBy] : notBy }),
    ...(escalate === undefined
      ? {}
      : { escalate: escalate.map(({ after, to }) => ({ afterMs: Duration.toMillis(after), to })) }),
    ...(remind === undefined ? {} : { remind: { everyMs: Duration.toMillis(remind.every), most: remind.most } })
  }
  const problem = Approval.problemOf(terms)
  if (problem !== undefined) throw new Error(`A policy ${problem}`)
  return terms
}
