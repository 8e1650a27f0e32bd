/**
 * The runs that a run asks for, and how it leaves them.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import type * as Effect from "effect/Effect"
import * as ChildRecords from "../ChildRecords.ts"
import * as Handover from "../Handover.ts"
import * as Leaving from "../Leaving.ts"
import type { Acts } from "./Acts.ts"
import * as Answer from "./Answer.ts"
import type { ChildQuestion } from "./Ask.ts"
import * as Pass from "./Pass.ts"
import { leaverOf, type RunCore } from "./RunCore.ts"
import type { ChildPort } from "./RunPort.ts"

export class ChildRequests implements ChildPort {
  private readonly run: RunCore
  private readonly acts: Acts

  constructor(run: RunCore, acts: Acts) {
    this.run = run
    this.acts = acts
  }

  ask(question: ChildQuestion, wait: boolean): Effect.Effect<JournalEntry.ExitJson | undefined> {
    return this.run.ask((resume) => {
      const { batch, ledger, pass, replayer } = this.run
      const asked = this.inPlace(question)
      const { granted, id, linked, payload, start, version, workflow } = asked
      const verdict = Answer.child(pass, replayer, asked)
      if (typeof verdict === "object") return this.run.diverge(verdict)
      if (verdict === "new") {
        this.run.append({
          _tag: "ChildStarted",
          child: id,
          workflow,
          version,
          payload,
          linked,
          ...(granted === undefined ? {} : { granted })
        })
        batch.send(start)
      }
      let child = pass.children.get(id)
      if (child === undefined) pass.children.set(id, child = ChildRecords.make(ledger.children.get(id)!.entry))
      const { waiters } = child
      if (child.exit === undefined && ChildRecords.askAgain(child, linked)) {
        this.acts.send({ ...start, id: Leaving.numbered(start.id, child.times) })
      }
      if (!wait) return resume(undefined)
      if (child.exit !== undefined) return resume(Handover.copyOf(child.exit))
      waiters.push(resume)
      return () => Pass.remove(waiters, resume)
    })
  }

  leave(asked: string): void {
    const id = this.runOf(asked)
    const child = this.run.pass.children.get(id)
    if (child !== undefined && ChildRecords.leave(child)) {
      this.acts.send(Leaving.message(leaverOf(this.run), id, child.times))
    }
  }

  runOf(id: string): string {
    return this.run.ledger.standIns.get(id) ?? id
  }

  /** The children that the code still holds, now that it is told to stop: it leaves each of them by itself, or waits for it in spite of that. */
  stillHeld(): ReadonlyArray<string> {
    const { ledger, pass } = this.run
    const held: Array<string> = []
    for (const [id, { entry }] of ledger.children) {
      const child = pass.children.get(id)
      if (child === undefined ? entry.linked : child.listening && child.exit === undefined) held.push(id)
    }
    for (const step of pass.open) {
      if (step.phase === "running") {
        for (const wait of step.bodyWaits) if (wait.reason === "child") held.push(wait.key)
      }
    }
    return held
  }

  /** What the code asks for, of the run that goes on for it where there is one. */
  private inPlace(question: ChildQuestion): ChildQuestion {
    const id = this.runOf(question.id)
    if (id === question.id) return question
    const { start } = question
    const payload = StoredJson.textOf({ ...JSON.parse(start.payload), id })
    return { ...question, id, start: { ...start, id: `start:${this.run.row.id}:${id}`, payload } }
  }
}
