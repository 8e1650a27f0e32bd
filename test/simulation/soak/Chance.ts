/** Chance that follows from a seed and a place: who asks again at the same place gets the same. */
export interface Chance {
  /** From 0, below 1. */
  readonly next: () => number
  /** A whole number from 0, below this. */
  readonly below: (limit: number) => number
  readonly of: <A>(choices: ReadonlyArray<A>) => A
  /** A time that is on average so long, in ms, as that between events which know nothing of each other. */
  readonly between: (averageMs: number) => number
}

export const chance = (seed: number, ...place: ReadonlyArray<string | number>): Chance => {
  let state = 2_166_136_261
  for (const character of `${seed} ${place.join(" ")}`) {
    state = Math.imul(state ^ character.codePointAt(0)!, 16_777_619)
  }
  const next = () => {
    state = state + 0x6d2b79f5 | 0
    let mixed = Math.imul(state ^ state >>> 15, state | 1)
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    below,
    of: (choices) => choices[below(choices.length)]!,
    between: (averageMs) => -Math.log(1 - next()) * averageMs
  }
}
