/** Decisions as text, and the shortest of those that still lead where they led. */
import * as Effect from "effect/Effect"

/** The decisions that are not harmless, as `index:choice` with commas between. */
export const toTape = (decisions: ReadonlyArray<number>): string =>
  decisions.flatMap((choice, index) => choice === 0 ? [] : [`${index}:${choice}`]).join(",")

/** The decisions that `toTape` wrote down; undefined when the text is none of its. */
export const fromTape = (text: string): ReadonlyArray<number> | undefined => {
  const decisions: Array<number> = []
  for (const part of text.split(",")) {
    if (part === "") continue
    const [, index, choice] = /^(\d{1,7}):(\d{1,3})$/.exec(part) ?? []
    if (index === undefined || choice === undefined) return undefined
    while (decisions.length <= Number(index)) decisions.push(0)
    decisions[Number(index)] = Number(choice)
  }
  return decisions
}

/**
 * Makes decisions harmless, ever fewer at a time, as long as `fails` says that
 * they still fail. Tries at most `budget` times.
 */
export const shrink = Effect.fnUntraced(function*(
  decisions: ReadonlyArray<number>,
  fails: (decisions: ReadonlyArray<number>) => Effect.Effect<boolean>,
  budget: number
) {
  let best = trimmed(decisions)
  let left = budget
  const attempt = Effect.fnUntraced(function*(candidate: ReadonlyArray<number>) {
    if (left-- <= 0 || !(yield* fails(candidate))) return false
    best = trimmed(candidate)
    return true
  })
  for (let part = best.length; part >= 1 && left > 0; part = part === 1 ? 0 : Math.ceil(part / 2)) {
    for (let from = Math.max(0, best.length - part); from >= 0 && left > 0; from = from === 0 ? -1 : Math.max(0, from - part)) {
      const candidate = best.map((choice, index) => index >= from && index < from + part ? 0 : choice)
      if (candidate.every((choice, index) => choice === best[index])) continue
      yield* attempt(candidate)
    }
  }
  return best
})

const trimmed = (decisions: ReadonlyArray<number>): ReadonlyArray<number> =>
  decisions.slice(0, decisions.findLastIndex((choice) => choice !== 0) + 1)
