/**
 * The decisions of a simulated life. Each is a number below the count of its
 * options, and 0 is always the harmless one. A life is a function of its
 * decisions, so those that are not harmless are all that it takes to live it
 * again, and with fewer of them it is a simpler life.
 */
import { SeededRandom } from "@fermata/engine/Seeded"

/** One decision. Decisions of a kind are numbered from 1. */
export interface Decision {
  readonly what: string
  readonly count: number
  readonly choice: number
}

export interface Choices {
  /** Decides among as many options as there are weights. */
  readonly choose: (what: string, weights: ReadonlyArray<number>) => number
  /** The decisions so far that were not harmless. */
  readonly decisions: ReadonlyArray<Decision>
  /** How many things of this kind have been decided. */
  readonly count: (what: string) => number
}

const make = (decide: (what: string, count: number, weights: ReadonlyArray<number>) => number): Choices => {
  const counts = new Map<string, number>()
  const decisions: Array<Decision> = []
  return {
    decisions,
    count: (what) => counts.get(what) ?? 0,
    choose: (what, weights) => {
      const count = (counts.get(what) ?? 0) + 1
      counts.set(what, count)
      const choice = decide(what, count, weights)
      if (choice !== 0) decisions.push({ what, count, choice })
      return choice
    }
  }
}

/** Draws every decision, by its weights, from the seed. */
export const seeded = (seed: string): Choices => {
  const random = new SeededRandom(seed)
  return make((_what, _count, weights) => {
    let total = 0
    for (const weight of weights) total += weight
    let left = random.nextDoubleUnsafe() * total
    let choice = 0
    while (choice < weights.length - 1 && left >= weights[choice]!) left -= weights[choice++]!
    return choice
  })
}

/** Takes these decisions, and is harmless about all else. */
export const planned = (decisions: ReadonlyArray<Decision>): Choices => {
  const plan = new Map(decisions.map(({ choice, count, what }) => [`${what}:${count}`, choice]))
  return make((what, count, weights) => {
    const choice = plan.get(`${what}:${count}`) ?? 0
    // A decision that was made in another life may not fit this one.
    return choice < weights.length ? choice : 0
  })
}
