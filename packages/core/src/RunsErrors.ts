/**
 * Why an operator's verb is refused. Every refusal says in a sentence what
 * stands in the way; nothing has been recorded when one is given.
 */
import * as Schema from "effect/Schema"
import { runStatuses } from "./RunStatus.ts"
import { didYouMean as didYouMeanOne } from "./Suggestion.ts"

const texts = Schema.Array(Schema.String)

/** No run has this id, and none begins with it. `closest` are the ids that begin most like it. */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", {
  run: Schema.String,
  closest: texts,
  /** It was there until now, and was deleted meanwhile. */
  deleted: Schema.optionalKey(Schema.Literal(true))
}, { httpApiStatus: 404 }) {
  override get message(): string {
    if (this.deleted === true) return `Run ${this.run} was deleted meanwhile`
    return `There is no run "${this.run}"${didYouMean(this.closest)}`
  }
}

/** Several runs begin with this, or it is too short to look for. */
export class RunAmbiguous extends Schema.TaggedError<RunAmbiguous>()("RunAmbiguous", {
  run: Schema.String,
  candidates: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return this.candidates.length === 0
      ? `"${this.run}" is too short for a run: give its id or at least its first ${shortestPrefix} characters`
      : `Several runs begin with "${this.run}": ${list(this.candidates)}; give more of the id`
  }
}

/** The run cannot be deleted. Nothing of it was. */
export class DeletionRefused extends Schema.TaggedError<DeletionRefused>()("DeletionRefused", {
  runId: Schema.String,
  /** The run that has not ended: itself, or one below it. */
  open: Schema.optionalKey(Schema.String),
  /** The run at the top of its tree, which goes as a whole. */
  root: Schema.optionalKey(Schema.String)
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return this.root !== undefined
      ? `Run ${this.runId} is part of run ${this.root}, and goes with that alone: delete ${this.root}`
      : this.open === undefined || this.open === this.runId
      ? `Run ${this.runId} has not ended: cancel it, or wait for its end, and then delete it`
      : `Run ${this.runId} has a run below it that has not ended, ${this.open}: cancel that, or wait for its end, and then delete the whole`
  }
}

/** The run is over, so it takes nothing any more. */
export class RunClosed extends Schema.TaggedError<RunClosed>()("RunClosed", {
  runId: Schema.String,
  status: Schema.Literals(runStatuses)
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} is ${this.status} and takes nothing any more`
  }
}

/** Nobody doubts what the run has done, so there is nothing to confirm. */
export class NotInDoubt extends Schema.TaggedError<NotInDoubt>()("NotInDoubt", {
  runId: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} is not in doubt: the store was not put back from a backup since it began, or that is settled`
  }
}

/** The run's workflow says which signals it receives, and this is none of them. */
export class SignalUnknown extends Schema.TaggedError<SignalUnknown>()("SignalUnknown", {
  runId: Schema.String,
  signal: Schema.String,
  /** The names of the signals that it receives. */
  known: texts
}, { httpApiStatus: 404 }) {
  override get message(): string {
    const meant = didYouMeanOne(this.signal, this.known)
    return `Run ${this.runId} receives no signal "${this.signal}"${
      meant === undefined ? "" : `; did you mean "${meant}"?`
    }${this.known.length === 0 ? "; its workflow receives none" : `; its workflow receives ${list(this.known)}`}`
  }
}

/** The signal is one that the run receives, and does not take this data. */
export class SignalUnfit extends Schema.TaggedError<SignalUnfit>()("SignalUnfit", {
  runId: Schema.String,
  signal: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `The data does not fit signal "${this.signal}" of run ${this.runId}: ${this.problem}`
  }
}

/** The signal is one that only the engine itself sends. */
export class SignalReserved extends Schema.TaggedError<SignalReserved>()("SignalReserved", {
  runId: Schema.String,
  signal: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `Signal "${this.signal}" is the engine's own: raise the budget of run ${this.runId} instead`
  }
}

/** The budget of a run is not raised by this: it is no amount, or nothing. */
export class RaiseRefused extends Schema.TaggedError<RaiseRefused>()("RaiseRefused", {
  runId: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `The budget of run ${this.runId} is not raised: ${this.problem}`
  }
}

/** What a workflow may spend on a day is not raised by this: it is no amount, or no day on which anything is spent any more. */
export class DayRaiseRefused extends Schema.TaggedError<DayRaiseRefused>()("DayRaiseRefused", {
  workflow: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `What "${this.workflow}" may spend on a day is not raised: ${this.problem}`
  }
}

/** The step has no outcome to settle: it is not there, is over, or is being worked on. */
export class StepNotOpen extends Schema.TaggedError<StepNotOpen>()("StepNotOpen", {
  runId: Schema.String,
  key: Schema.String,
  /** How the step stands; absent when the run has none of this key. */
  status: Schema.optionalKey(Schema.String),
  /** Keys of the steps of the run that can be settled. */
  open: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    const stands = this.status === undefined ? "is not one of its steps" : `is ${this.status}`
    const open = this.open.length === 0
      ? "no step of the run waits to be settled"
      : `these wait to be settled: ${list(this.open)}`
    return `Step "${this.key}" of run ${this.runId} ${stands}; ${open}`
  }
}

/** The output that an operator declares cannot be that of the step. */
export class OutputRefused extends Schema.TaggedError<OutputRefused>()("OutputRefused", {
  runId: Schema.String,
  key: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `The output does not fit step "${this.key}" of run ${this.runId}: ${this.problem}`
  }
}

/** A fork begins at a step, and the run has never asked for this one. */
export class StepNotRequested extends Schema.TaggedError<StepNotRequested>()("StepNotRequested", {
  runId: Schema.String,
  key: Schema.String,
  /** Keys of the steps that the run has asked for. */
  known: texts
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `Run ${this.runId} has never asked for a step "${this.key}"; ${
      this.known.length === 0 ? "it has asked for none" : `its steps are ${list(this.known)}`
    }`
  }
}

/** The run cannot be forked like this. Nothing was stored. */
export class ForkRefused extends Schema.TaggedError<ForkRefused>()("ForkRefused", {
  runId: Schema.String,
  step: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} cannot be forked at step "${this.step}": ${this.problem}`
  }
}

/** The run cannot be retried: it has not failed, or a retry would take for done what is not. Nothing was stored. */
export class RetryRefused extends Schema.TaggedError<RetryRefused>()("RetryRefused", {
  runId: Schema.String,
  status: Schema.Literals(runStatuses),
  problem: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} cannot be retried: ${this.problem}`
  }
}

/** An act on many runs that cannot be done as it is asked for. Nothing was started. */
export class BulkRefused extends Schema.TaggedError<BulkRefused>()("BulkRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return this.problem
  }
}

/** An act on so many runs that whoever asks for it has to say how many there are. Nothing was started. */
export class BulkUnconfirmed extends Schema.TaggedError<BulkUnconfirmed>()("BulkUnconfirmed", {
  matched: Schema.Int,
  /** How many there may be where nobody says. */
  most: Schema.Int,
  confirmed: Schema.optionalKey(Schema.Int)
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return this.confirmed === undefined
      ? `This acts on ${this.matched} runs, which is more than ${this.most}; confirm that number`
      : `This acts on ${this.matched} runs, and ${this.confirmed} were confirmed; look again, and confirm that number`
  }
}

/** There is no such open question. */
export class ApprovalNotOpen extends Schema.TaggedError<ApprovalNotOpen>()("ApprovalNotOpen", {
  runId: Schema.String,
  key: Schema.optionalKey(Schema.String),
  /** Ids of the approvals of the run that are open. */
  open: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    const what = this.key === undefined ? "no open approval" : `no open approval "${this.key}"`
    return `Run ${this.runId} has ${what}${this.open.length === 0 ? "" : `; open are ${list(this.open)}`}`
  }
}

/** The run has several open questions, so the answer must say which. */
export class ApprovalAmbiguous extends Schema.TaggedError<ApprovalAmbiguous>()("ApprovalAmbiguous", {
  runId: Schema.String,
  open: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} has ${this.open.length} open approvals; answer one of ${list(this.open)}`
  }
}

/** Another answer has decided the question, or its deadline has. */
export class AnsweredAlready extends Schema.TaggedError<AnsweredAlready>()("AnsweredAlready", {
  approval: Schema.String,
  /** Such as `approved by ann`. */
  decided: Schema.String,
  /** When, and now; ms since the epoch. */
  at: Schema.Number,
  now: Schema.Number
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Approval ${this.approval} is answered already: ${this.decided}, ${ago(this.now - this.at)}`
  }
}

/** Somebody has edited the arguments, and the answer does not name the ones that stand to be approved now. */
export class ArgumentsEdited extends Schema.TaggedError<ArgumentsEdited>()("ArgumentsEdited", {
  approval: Schema.String,
  /** Who has edited them. */
  by: Schema.String,
  /** What an answer has to name. */
  hash: Schema.String,
  /** What is different from what was asked about, place by place. */
  changes: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `${this.by} has edited the arguments of approval ${this.approval}: ${
      list(this.changes)
    }; an answer has to name them, by the hash ${this.hash}`
  }
}

/** This person is not among those who may answer, or is excluded: asked for the run, is named as who may not, or has handed the question on. */
export class NotAllowed extends Schema.TaggedError<NotAllowed>()("NotAllowed", {
  approval: Schema.String,
  by: Schema.String,
  approvers: texts,
  /** Why not, where it is not that others are asked. */
  problem: Schema.optionalKey(Schema.String)
}, { httpApiStatus: 403 }) {
  override get message(): string {
    return `${this.by} may not answer approval ${this.approval}: ${
      this.problem ?? (this.approvers.length === 0 ? "nobody may" : `only ${list(this.approvers)} may`)
    }`
  }
}

/** The question cannot be handed on like this: the other has it or had it, may not answer, or the place has been answered from. */
export class DelegationRefused extends Schema.TaggedError<DelegationRefused>()("DelegationRefused", {
  approval: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Approval ${this.approval} is not handed on: ${this.problem}`
  }
}

/** The answer does not fit the question: a choice that is missing or was not offered, an edit that is refused, the same said before by the same person. */
export class AnswerRefused extends Schema.TaggedError<AnswerRefused>()("AnswerRefused", {
  approval: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 400 }) {
  override get message(): string {
    return `The answer to approval ${this.approval} is refused: ${this.problem}`
  }
}

/** No workflow of this name, or not in this version, has been registered in the store. */
export class WorkflowNotFound extends Schema.TaggedError<WorkflowNotFound>()("WorkflowNotFound", {
  workflow: Schema.String,
  version: Schema.optionalKey(Schema.String),
  /** What there is, as `name@version`. */
  known: texts
}, { httpApiStatus: 404 }) {
  override get message(): string {
    const version = this.version === undefined ? "" : ` version ${this.version}`
    return `There is no workflow "${this.workflow}"${version}${
      this.known.length === 0 ? "; none is registered" : `; registered are ${list(this.known)}`
    }`
  }
}

/** The input does not fit the workflow. */
export class PayloadRefused extends Schema.TaggedError<PayloadRefused>()("PayloadRefused", {
  workflow: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 400 }) {
  override get message(): string {
    return `The input does not fit workflow "${this.workflow}": ${this.problem}`
  }
}

/** The workflow is known, and this process cannot start it. */
export class StartRefused extends Schema.TaggedError<StartRefused>()("StartRefused", {
  workflow: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Workflow "${this.workflow}" cannot be started here: ${this.problem}`
  }
}

/** The run keeps nothing of this hash or name. */
export class ArtifactNotFound extends Schema.TaggedError<ArtifactNotFound>()("ArtifactNotFound", {
  runId: Schema.String,
  artifact: Schema.String,
  /** What it keeps, by name and hash. */
  known: texts
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `Run ${this.runId} keeps no artifact "${this.artifact}"; ${
      this.known.length === 0 ? "it keeps none" : `it keeps ${list(this.known)}`
    }`
  }
}

/** No rule that stands has this id, and none begins with it. */
export class RuleNotFound extends Schema.TaggedError<RuleNotFound>()("RuleNotFound", {
  rule: Schema.String,
  /** The ids of those that stand. */
  known: texts
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `No rule "${this.rule}" stands; ${
      this.known.length === 0 ? "there is none" : `there is ${list(this.known)}`
    }`
  }
}

/** Several rules that stand have ids that begin like this. */
export class RuleAmbiguous extends Schema.TaggedError<RuleAmbiguous>()("RuleAmbiguous", {
  rule: Schema.String,
  candidates: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Several rules begin with "${this.rule}": ${list(this.candidates)}; give more of the id`
  }
}

/** Several artifacts of the run have this name, or hashes that begin so. */
export class ArtifactAmbiguous extends Schema.TaggedError<ArtifactAmbiguous>()("ArtifactAmbiguous", {
  runId: Schema.String,
  artifact: Schema.String,
  /** Their hashes. */
  candidates: texts
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} keeps several artifacts "${this.artifact}": name one of the hashes ${
      list(this.candidates)
    }`
  }
}

/** The journal names the artifact, and the store does not have its bytes as they were kept. */
export class ArtifactDamaged extends Schema.TaggedError<ArtifactDamaged>()("ArtifactDamaged", {
  runId: Schema.String,
  hash: Schema.String,
  problem: Schema.Literals(["missing", "damaged"])
}, { httpApiStatus: 500 }) {
  override get message(): string {
    return `Artifact ${this.hash} of run ${this.runId} cannot be read: its bytes are ${this.problem}`
  }
}

/** The least number of characters that stand for a run, or for a hash. */
export const shortestPrefix = 4

const list = (items: ReadonlyArray<string>): string => {
  const shown = items.slice(0, 8)
  return items.length > shown.length ? `${shown.join(", ")} and ${items.length - shown.length} more` : shown.join(", ")
}

/** How long ago, for people. */
const ago = (millis: number): string => {
  const seconds = Math.max(0, Math.round(millis / 1000))
  const units = [[86_400, "days"], [3_600, "h"], [60, "min"]] as const
  const unit = units.find(([size]) => seconds >= 2 * size)
  return unit === undefined ? `${seconds} s ago` : `${Math.floor(seconds / unit[0])} ${unit[1]} ago`
}

const didYouMean = (closest: ReadonlyArray<string>): string =>
  closest.length === 0 ? "" : `; the closest are ${list(closest)}`
