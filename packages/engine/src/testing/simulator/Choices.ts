/**
 * The decisions of a simulated life. Each is a number below the count of its
 * options, and 0 is always the harmless one. A life is a function of its
 * decisions, so a list of them (a tape) is all that it takes to live it again,
 * and a shorter list with more zeros is a simpler life.
 */
import { SeededRandom } from "../../internal/Seeded.ts"

export interface Choices {
  /** Decides among as many options as there are weights. */
  readonly choose: (what: string, weights: ReadonlyArray<number>) => number
  /** What has been decided so far. */
  readonly tape: ReadonlyArray<number>
}

/** Draws every decision, by its weights, from the seed. */
export const seeded = (seed: string): Choices => {
  const random = new SeededRandom(seed)
  const tape: Array<number> = []
  return {
    tape,
    choose: (_, weights) => {
      let total = 0
      for (const weight of weights) total += weight
      let left = random.nextDoubleUnsafe() * total
      let choice = 0
      while (choice < weights.length - 1 && left >= weights[choice]!) left -= weights[choice++]!
      tape.push(choice)
      return choice
    }
  }
}

/** Takes decisions from a tape, and the harmless ones after its end. */
export const recorded = (decisions: ReadonlyArray<number>): Choices => {
  const tape: Array<number> = []
  return {
    tape,
    choose: (_, weights) => {
      const wanted = decisions[tape.length] ?? 0
      // A tape that was cut elsewhere may not fit: what is out of range is harmless.
      const choice = wanted < weights.length ? wanted : 0
      tape.push(choice)
      return choice
    }
  }
}

/** Decides about one kind of thing by the number of its occurrence, from 1, and harmlessly about all else. */
export const planned = (what: string, plan: ReadonlyMap<number, number>): Choices & { readonly count: () => number } => {
  const tape: Array<number> = []
  let count = 0
  return {
    tape,
    count: () => count,
    choose: (asked) => {
      const choice = asked === what ? plan.get(++count) ?? 0 : 0
      tape.push(choice)
      return choice
    }
  }
}
