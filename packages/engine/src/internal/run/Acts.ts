/**
 * What the code of a run does at once: state, events, notes, patches. It is
 * compared with the journal while that is replayed, and written afterwards.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { OutboxRow } from "../../Backend.ts"
import type * as Handover from "../Handover.ts"
import * as Answer from "./Answer.ts"
import type { Decision } from "./Ask.ts"
import * as Pass from "./Pass.ts"
import { type Budget, noBudget, nothing, type Spending } from "./Purse.ts"
import type { RunCore } from "./RunCore.ts"
import type { ActPort, Document } from "./RunPort.ts"

export class Acts implements ActPort {
  private readonly run: RunCore

  constructor(run: RunCore) {
    this.run = run
  }

  record(
    key: string,
    what: string,
    body: JournalEntry.EntryBody,
    outbox: ReadonlyArray<OutboxRow> = [],
    isSame?: (recorded: JournalEntry.JournalEntry) => boolean
  ): void {
    const { batch, ledger, loop, pass, phase, replayer } = this.run
    if (phase.isGone) return
    const verdict = Answer.act(ledger, replayer, key, what, body, isSame)
    if (typeof verdict === "object") return this.run.diverge(verdict)
    if (verdict === "recorded") return void pass.acted.add(key)
    this.run.append(body)
    for (const row of outbox) batch.send(row)
    loop.wake()
  }

  send(row: OutboxRow): void {
    if (!this.run.phase.isLive) return
    this.run.batch.send(row)
    this.run.loop.wake()
  }

  note(kind: string, text: string, data: StoredJson.StoredJson | null | undefined, isStep: boolean): void {
    const { phase: { isGone, isLive }, replayer } = this.run
    if (isGone || (!isStep && !isLive && (replayer.claimNote(kind, text) || replayer.isBehind(Infinity)))) return
    this.run.append({ _tag: "Note", kind, text, ...(data === undefined ? {} : { data }) })
  }

  patch(id: string): Effect.Effect<boolean> {
    return this.run.ask((resume) => {
      const taken = Answer.patch(this.run.ledger, this.run.replayer, EntryRole.acts.patch(id))
      if (taken === "new") this.run.append({ _tag: "PatchTaken", name: id })
      resume(taken !== false)
    })
  }

  /**
   * A value that is refused leaves nothing in the journal but takes its number,
   * so that on a replay no later decision is taken for it. One that was `added`
   * to the code later is made anew where the journal has gone on without.
   */
  decide(name: string, make: (key: string) => Exit.Exit<Handover.Handed>, added: boolean): Effect.Effect<Decision> {
    return this.run.ask((resume) => {
      const { ledger, pass, replayer } = this.run
      const key = Pass.freeKey(pass, `decision:${name}`, name, EntryRole.acts.decision)
      const recorded = ledger.acts.get(EntryRole.acts.decision(key))
      if (recorded?._tag === "Decided") {
        if (recorded.name === name) return resume({ _tag: "Recorded", key, value: StoredJson.copy(recorded.value) })
        const detail =
          `entry ${recorded.seq} has decision "${recorded.name}" under the key "${key}", and the code asks for "${name}"`
        return this.run.diverge({ key, detail })
      }
      const exit = make(key)
      if (Exit.isSuccess(exit)) {
        const verdict = Answer.unrecorded(replayer, key, `decision "${key}"`)
        if (verdict !== "new" && !added) return this.run.diverge(verdict)
        const { stored } = exit.value
        if (verdict === "new") {
          this.run.append({ _tag: "Decided", key, name, ...(stored === undefined ? {} : { value: stored }) })
        }
      }
      resume({ _tag: "Made", exit })
    })
  }

  /**
   * The code has failed, and what it did is about to be undone. That is recorded,
   * so that a replay which fails where the run did not undoes nothing.
   */
  unwind(): Effect.Effect<void> {
    return this.run.ask((resume) => {
      this.record(EntryRole.acts.unwind, "an end by failure", { _tag: "UnwindStarted" })
      if (this.run.replayer.problem === undefined) resume(undefined)
    })
  }

  nextEmit(): number {
    return ++this.run.pass.emitCount
  }

  number(counter: string, name: string): string {
    return Pass.number(this.run.pass, counter, name)
  }

  spending(): Spending {
    const { pass, purse } = this.run
    return purse === undefined ? nothing : purse.spending((kind, key) => {
      if (kind === "child") {
        const child = pass.children.get(key)
        return child !== undefined && !child.listening && child.exit === undefined
      }
      const step = pass.steps.get(key)
      // What a step body asks for is outside the order of the workflow.
      return step?.phase === "abandoned" && !step.definition.nested
    })
  }

  budget(): Budget {
    return this.run.purse?.budget ?? noBudget
  }

  raises(): number {
    return this.run.purse?.raises ?? 0
  }

  document(name: string): Document | undefined {
    return this.run.pass.documents.get(name)
  }

  keepDocument(name: string, document: Document): void {
    this.run.pass.documents.set(name, document)
  }
}
