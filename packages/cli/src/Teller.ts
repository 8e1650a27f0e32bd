/** What a worker tells of the runs that it works on: what it takes up, and what becomes of it. */
import * as EntryRole from "@fermata/core/EntryRole"
import * as FailureText from "@fermata/core/FailureText"
import * as RunSentence from "@fermata/core/RunSentence"
import type { RunSummary } from "@fermata/core/RunSummary"
import type { Committed } from "@fermata/engine/Extension"
import { out } from "./Output.ts"

/** One thing to tell of a run. */
export interface Told {
  readonly what: "taken" | "suspended" | "completed" | "failed" | "cancelled"
  readonly run: Pick<RunSummary, "id" | "workflow" | "version">
  readonly mark: string
  /** For people. */
  readonly text: string
  /** For programs. */
  readonly more: Readonly<Record<string, unknown>>
}

/** Knows what was told of each run that is open, so that nothing is told twice. */
export class Teller {
  private readonly epochs = new Map<string, number>()
  /** What each run waits for, as it was told. */
  private readonly waits = new Map<string, string>()
  private readonly now: () => number

  /** `now`: ms since the epoch, by the clock of whoever reads. */
  constructor(now: () => number) {
    this.now = now
  }

  /** What there is to tell of this commit, in order. */
  take({ entries, run, status }: Committed): ReadonlyArray<Told> {
    const last = entries.at(-1)
    if (last === undefined || (last._tag === "RunRequested" && entries.length === 1)) return []
    const told: Array<Told> = []
    const tell = (what: Told["what"], mark: string, text: string, more: Told["more"] = {}) =>
      void told.push({ what, run, mark, text, more })
    if (this.epochs.get(run.id) !== last.epoch) {
      this.epochs.set(run.id, last.epoch)
      tell("taken", out.cyan("▸"), entries.some(({ _tag }) => _tag === "RunStarted") ? "begins" : "goes on")
    }
    for (const entry of entries) {
      switch (entry._tag) {
        case "RunSuspended": {
          const { waits } = entry
          // Whoever takes the run up again finds it at the same waits.
          if (this.waits.get(run.id) === JSON.stringify(waits)) break
          this.waits.set(run.id, JSON.stringify(waits))
          tell("suspended", out.yellow("…"), `waits ${RunSentence.waitsOf(entry, this.now())}`, { waits })
          break
        }
        case "RunCompleted":
          tell("completed", out.green("✓"), "completed")
          break
        case "RunFailed": {
          const { cause } = entry
          tell("failed", out.red("✗"), `failed: ${FailureText.ofCause(cause)}`, { cause })
          break
        }
        case "RunCancelled": {
          const { by, reason } = entry
          tell("cancelled", out.red("■"), `cancelled by ${by}: ${reason}`, { by, reason })
          break
        }
        default:
          // The code was told something, so what it waits for from here on is news, be it the same.
          if (EntryRole.roleOf(entry) === "delivery") this.waits.delete(run.id)
      }
    }
    if (status === "completed" || status === "failed" || status === "cancelled") {
      this.epochs.delete(run.id)
      this.waits.delete(run.id)
    }
    return told
  }
}
