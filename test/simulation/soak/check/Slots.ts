/** What a schedule of an interval has fired: every slot once, in order, and what was missed is told. */

/** What became of a slot, as far as it matters here. Times are ms since the epoch. */
export interface Firing {
  readonly slot: number
  readonly outcome: string
  /** Slots before this one for which nothing was started, since nobody was at work. */
  readonly missed: number
}

/** Follows the firings of one schedule. */
export class Slots {
  readonly problems: Array<string> = []
  private readonly name: string
  private readonly everyMs: number
  private last: number | undefined

  constructor(name: string, everyMs: number) {
    this.name = name
    this.everyMs = everyMs
  }

  /** Takes what is listed, in any order and with what was told before; gives back what is new, in order. */
  tell<F extends Firing>(firings: ReadonlyArray<F>): ReadonlyArray<F> {
    const { last } = this
    const fresh = firings.filter(({ slot }) => last === undefined || slot > last)
      .sort((one, other) => one.slot - other.slot)
    for (const { missed, outcome, slot } of fresh) {
      const slots = this.last === undefined ? 1 + missed : (slot - this.last) / this.everyMs
      if (slots === 0) this.problems.push(`schedule ${this.name} has fired slot ${slot} twice`)
      else if (slots !== 1 + missed) {
        this.problems.push(
          `schedule ${this.name} has fired slot ${slot} behind ${this.last}, and told of ${missed} missed`
        )
      }
      if (outcome !== "started") this.problems.push(`schedule ${this.name} has ${outcome} slot ${slot}`)
      this.last = slot
    }
    return fresh
  }
}
