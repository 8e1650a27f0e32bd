/**
 * Every command that this command prints: each export is one, for one purpose,
 * as a line of a shell. Nothing else makes any, and `test/e2e/commands.test.ts`
 * has each of them printed and runs it as it stands.
 */
import type { ForkOptions } from "@fermata/core/RunStart"
import type { SuspendReason } from "@fermata/core/RunStatus"
import { fermata, type Options } from "./Invocation.ts"

// ----------------------------------------------------------------------------
// That end what a run waits for

/** An answer: who gives it, to which question, for which arguments and which choice. */
export interface AnswerWords {
  /** A run, or an approval where the run has several. */
  readonly target: string
  /** Where it is somebody else than by default. */
  readonly as?: string | undefined
  readonly choice?: string | undefined
  /** Of arguments that somebody has edited. */
  readonly hash?: string | undefined
}

export const approve = (answer: AnswerWords): string => answered("approve", answer)

export const deny = (answer: AnswerWords): string => answered("deny", answer)

/** Answers the arguments as they are now, since they were edited before the answer came. */
export const answerAsEdited = (decision: "approve" | "deny", answer: AnswerWords): string => answered(decision, answer)

/** Takes back a rule that an answer has let stand. */
export const takeBack = (rule: string): string => fermata("policy rm", [rule])

/** Sends what a signal may carry, and nothing where it carries nothing. */
export const signal = (runId: string, name: string, data: unknown): string =>
  fermata("signal", [runId, name], dataOf(data))

/** The same where it is not known what the signal carries: `J` stands for that. */
export const signalWith = (runId: string, name: string): string => fermata("signal", [runId, name], [["data", "J"]])

/** Lets a run spend more, in dollars or in tokens: `J` stands for how many. */
export const raise = (runId: string, unit: "usd" | "tokens"): string => fermata("runs raise", [runId], [[unit, "J"]])

/** Lets all runs of an agent together spend more on this day, in dollars or in tokens: `J` stands for how many. */
export const raiseDay = (agent: string, unit: "usd" | "tokens"): string =>
  fermata("agent raise", [agent, unit === "usd" ? "J" : "Jtokens"])

/** Publishes an event that the wait takes. */
export const emit = (event: string, data: unknown): string => fermata("emit", [event], dataOf(data))

/** The only way out of a wait that nothing ends. */
export const cancelForever = (runId: string): string => fermata("runs cancel", [runId])

/** Lets a run go on that an operator has paused, or that failed and is held. */
export const resumeHeld = (runId: string): string => fermata("runs resume", [runId])

/** Takes up a run once the code or the journal has been mended. */
export const resumeMended = (runId: string): string => fermata("runs resume", [runId])

/** Takes up a run that recovery has stopped as a whole. */
export const resumeAfterCrashes = (runId: string): string => fermata("runs resume", [runId])

/** Nothing of a run has happened since the backup that the database was put back from. */
export const confirmRestored = (runId: string): string => fermata("runs confirm", [runId])

export const settleRetry = (runId: string, step: string): string => fermata("runs settle", [runId, step], [["retry"]])

export const settleDone = (runId: string, step: string, output: unknown): string =>
  fermata("runs settle", [runId, step], [["done", JSON.stringify(output)]])

/** The same where it is not known what the step returns: `J` stands for that. */
export const settleDoneWith = (runId: string, step: string): string =>
  fermata("runs settle", [runId, step], [["done", "J"]])

export const settleFail = (runId: string, step: string): string =>
  fermata("runs settle", [runId, step], [["fail", "it did not happen"]])

/** Shows the child that a run waits for. */
export const seeChild = (runId: string): string => fermata("runs show", [runId])

/** Nobody has logged in at an MCP server that a run needs. */
export const logIn = (server: string): string => fermata("mcp login", [server])

// ----------------------------------------------------------------------------
// That work on runs

/** A run has been left that goes on by itself later, when somebody works on it. */
export const workUntilThen = (): string => fermata("worker")

/** A run is being followed that may be left to a worker. */
export const workInstead = (): string => fermata("worker")

/** The command was interrupted. */
export const workAfterwards = (): string => fermata("worker")

/** A run was recorded, and there is no worker. */
export const workAsNobodyDoes = (): string => fermata("worker")

/** What was raised makes runs go on, and there is no worker. */
export const workOnWhatWasRaised = (): string => fermata("worker")

/** A run was recorded, and no worker serves it. */
export const workAsNobodyServes = (): string => fermata("worker")

/** The process of a run is gone. */
export const workForTheDead = (): string => fermata("worker")

/** Takes up what dead processes have left, and ends. */
export const workOnWhatIsLeft = (): string => fermata("worker", [], [["until-idle"]])

/** Runs are due that nobody takes up. */
export const workOnWhatIsDue = (): string => fermata("worker")

/** The watchdog of a worker makes a run due again. */
export const workOnWhatIsStuck = (): string => fermata("worker")

/** A run is to be left to a worker, with another model than its own. */
export const workWithModel = (): string => fermata("worker")

/** A run is left that a server goes on with. */
export const cancelThere = (runId: string): string => fermata("runs cancel", [runId])

/** A run was recorded that others work on. */
export const followRecorded = (runId: string): string => fermata("runs tail", [runId])

// ----------------------------------------------------------------------------
// That let somebody in

/** A server is to be reached by others, and nobody could show a token. */
export const makeToken = (name: string): string =>
  fermata("token create", [name], [["scope", "read"], ["scope", "operate"], ["scope", "approve"], ["scope", "admin"]])

/** No token has the id. */
export const seeTokens = (): string => fermata("token ls")

// ----------------------------------------------------------------------------
// That do something once more

/** Forks a run before the first step that has used what the fork replaces. */
export const forkBefore = (
  runId: string,
  at: string,
  { input, set = {} }: Pick<ForkOptions, "input" | "set">
): string =>
  fermata("runs fork", [runId], [
    ["at", at],
    ...Object.entries(set).map(([step, output]) => ["set", `${step}=${JSON.stringify(output)}`] as const),
    ...input === undefined ? [] : [["input", JSON.stringify(input)]] as const
  ])

// ----------------------------------------------------------------------------
// That show something

export const seeHelp = (path: ReadonlyArray<string>): string => fermata(path.join(" "), [], [["help"]])

/** A fork beside the run that it comes from. */
export const compare = (original: string, fork: string): string => fermata("runs diff", [original, fork])

/** No run has the id. */
export const seeRuns = (): string => fermata("runs ls")

/** Several runs have ids that begin like that. */
export const seeWholeIds = (): string => fermata("runs ls", [], [["json"]])

/** A run is over that something was asked of. */
export const seeHowItEnded = (runId: string): string => fermata("runs show", [runId])

/** A run has failed or was cancelled. */
export const seeWhatHappened = (runId: string): string => fermata("runs show", [runId])

/** A run has no such step. */
export const seeItsSteps = (runId: string): string => fermata("runs show", [runId])

/** A run keeps no such artifact, or several. */
export const seeWhatIsKept = (runId: string): string => fermata("runs artifact", [runId])

/** A run asks nothing, or no longer. */
export const seeWhatCanBeAnswered = (): string => fermata("approvals ls")

/** No rule stands that is to be taken back. */
export const seeWhatStands = (): string => fermata("policy ls")

/** No MCP server has the name at which somebody wants to log in. */
export const seeServers = (): string => fermata("mcp ls")

/** Nothing has the name that is to be started. */
export const seeContracts = (): string => fermata("contracts ls")

/** Runs wait for people. */
export const seeWhatIsAsked = (): string => fermata("approvals ls")

/** A run does not go on by itself, and no worker changes that. */
export const seeWhatIsStuck = (runId: string): string => fermata("runs show", [runId])

/** A run waits for an operator. */
export const seeSuspended = (runId: string): string => fermata("runs show", [runId])

/** The database was put back from a backup, and nobody knows what runs have done since. */
export const seeInDoubt = (): string => fermata("runs ls", [], [["restored"]])

/** The database is older than it was. */
export const sayRestored = (): string => fermata("doctor", [], [["restored"]])

/** More runs wait for an operator than are shown. */
export const seeAllSuspended = (reason: SuspendReason): string =>
  fermata("runs ls", [], [["status", "suspended"], ["reason", reason]])

// ----------------------------------------------------------------------------
// internal

const dataOf = (data: unknown): Options => data === null ? [] : [["data", JSON.stringify(data)]]

const answered = (decision: "approve" | "deny", { as, choice, hash, target }: AnswerWords): string =>
  fermata(decision, [target], [
    ...as === undefined ? [] : [["as", as]] as const,
    ...choice === undefined ? [] : [["choice", choice]] as const,
    ...hash === undefined ? [] : [["hash", hash]] as const
  ])
