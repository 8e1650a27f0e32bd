/**
 * The first commit of a run that begins in this process. It is kept back, so
 * that it goes into the transaction in which the run is started: until that is
 * in the store, nothing of the run is, and none of its steps begins.
 */
import * as Exit from "effect/Exit"
import type { Answers, CommitOp, RunRow } from "../../Backend.ts"
import type { ExecutorHost, PendingCommit } from "../run/RunHost.ts"
import type { Commits } from "./Commits.ts"

interface Kept {
  readonly run: RunRow
  readonly pending: PendingCommit
  readonly done: Parameters<ExecutorHost["commit"]>[2]
}

export class FirstCommit {
  private readonly commits: Commits
  private kept: Kept | undefined
  private made: CommitOp | undefined
  private isStarted = false

  constructor(commits: Commits) {
    this.commits = commits
  }

  /** The host as the executor of the run is to see it. */
  hostOf(host: ExecutorHost): ExecutorHost {
    return Object.create(host, { commit: { value: this.commit } }) as ExecutorHost
  }

  private readonly commit: ExecutorHost["commit"] = (run, pending, done) => {
    if (this.isStarted) this.commits.commit(run, pending, done)
    else this.kept = { run, pending, done }
  }

  /** What goes with the start; undefined where the run has not come so far, or a value has yet to be digested. */
  get op(): CommitOp | undefined {
    return this.made ??= this.kept && this.commits.operation(this.kept.run, this.kept.pending)
  }

  /** The run is started. `answer` is that to the commit that went with it; any other is written now. */
  started(answer: Answers["commit"] | undefined): void {
    this.isStarted = true
    if (this.kept === undefined) return
    const { done, pending, run } = this.kept
    this.kept = undefined
    if (answer === undefined || this.made === undefined) this.commits.commit(run, pending, done)
    else this.commits.answered(run, pending, this.made, Exit.succeed(answer), done)
  }
}
