/** What one attempt of a step has spent, what it keeps and which secrets it was told, as its body says. Of most steps nobody asks. */
import type { Artifact } from "@fermata/core/Artifact"
import * as Spent from "@fermata/core/Spent"
import * as Effect from "effect/Effect"
import { type Confidant, Scrub } from "../secrets/Scrub.ts"
import type { ArtifactRefused } from "./ArtifactRefused.ts"
import { type KeepOptions, Kept } from "./Kept.ts"
import type { RunCore } from "./RunCore.ts"

export class Meter implements Confidant {
  /** The field of the entry that ends the attempt. */
  cost: { readonly spent?: Spent.Amount } = nothing
  /** What goes into the commit of its outcome. */
  kept: Kept | undefined = undefined
  /** The attempt has ended. What is said behind that would be lost in silence. */
  ended = false
  private readonly run: Pick<RunCore, "host" | "row">
  private readonly key: string
  private readonly isProbe: boolean
  /** The attempt whose body asked for this step. */
  private readonly outer: Confidant | undefined
  private secrets: Scrub | undefined = undefined

  constructor(run: Pick<RunCore, "host" | "row">, key: string, isProbe: boolean, outer?: Confidant) {
    this.run = run
    this.key = key
    this.isProbe = isProbe
    this.outer = outer
  }

  /** Steps inside a step share what is cut out, for their bodies may see what it sees. */
  get scrub(): Scrub | undefined {
    return this.outer === undefined ? this.secrets : this.outer.scrub
  }

  tell(name: string, text: string): void {
    if (this.outer !== undefined) return this.outer.tell(name, text)
    this.secrets ??= new Scrub()
    this.secrets.add(name, text)
  }

  /** Adds to what is recorded with the end of the attempt. */
  readonly spend = (amount: Spent.Amount): Effect.Effect<void> =>
    Effect.suspend(() => {
      const problem = this.isProbe
        ? "a probe has no outcome to record that with: spend in the body of the step"
        : this.ended
        ? "it has ended, and what it had spent is recorded: spend before the body ends"
        : Spent.problemOf(amount)
      if (problem !== undefined) {
        const what = this.isProbe ? "The probe" : "An attempt"
        return Effect.die(new Error(`${what} of step "${this.key}" cannot spend: ${problem}`))
      }
      this.run.host.bodySpends(this.run.row.id, this.key, amount)
      const spent = Spent.sum(this.cost.spent ?? Spent.zero, amount)
      if (!Spent.isZero(spent)) this.cost = { spent }
      return Effect.void
    })

  /** Adds to what is stored with the outcome of the attempt, or of its probe. */
  readonly keep = (content: Uint8Array | string, options: KeepOptions = {}): Effect.Effect<Artifact, ArtifactRefused> =>
    Effect.suspend(() => {
      if (!this.ended) return (this.kept ??= new Kept(this.key)).add(content, options, this.scrub)
      const problem = "it has ended, and its outcome is recorded: keep before the body ends"
      return Effect.die(new Error(`An attempt of step "${this.key}" can keep nothing more: ${problem}`))
    })
}

const nothing = {}
