/** What one attempt of a step has spent and which secrets it was told, as its body says. Of most steps nobody asks. */
import * as Spent from "@fermata/core/Spent"
import * as Effect from "effect/Effect"
import { Scrub } from "../secrets/Scrub.ts"
import type { RunCore } from "./RunCore.ts"

export class Meter {
  /** The field of the entry that ends the attempt. */
  cost: { readonly spent?: Spent.Amount } = nothing
  /** The attempt has ended. What is said behind that would be lost in silence. */
  ended = false
  private readonly run: Pick<RunCore, "host" | "row">
  private readonly key: string
  private readonly isProbe: boolean
  /** The attempt whose body asked for this step, and so on up to one that the workflow asked for. */
  private readonly outermost: Meter
  private secrets: Scrub | undefined = undefined

  constructor(run: Pick<RunCore, "host" | "row">, key: string, isProbe: boolean, outer?: Meter) {
    this.run = run
    this.key = key
    this.isProbe = isProbe
    this.outermost = outer?.outermost ?? this
  }

  /** What is cut out of all that the attempt leaves; undefined as long as no secret was told. Steps inside it share that, for their bodies may see what it sees. */
  get scrub(): Scrub | undefined {
    return this.outermost.secrets
  }

  /** The attempt is told this secret. */
  tell(name: string, text: string): void {
    const scrub = this.outermost.secrets ??= new Scrub()
    scrub.add(name, text)
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
}

const nothing = {}
