/** Decisions as text, and the fewest of them that still lead where they led. */
import * as Effect from "effect/Effect"
import type { Decision } from "./Choices.ts"

/** Decisions as `what:count:choice` with commas between. */
export const toTape = (decisions: ReadonlyArray<Decision>): string =>
  decisions.map(({ choice, count, what }) => `${what}:${count}:${choice}`).join(",")

/** The decisions that `toTape` wrote down; undefined when the text is none of its. */
export const fromTape = (text: string): ReadonlyArray<Decision> | undefined => {
  const decisions: Array<Decision> = []
  for (const part of text.split(",")) {
    if (part === "") continue
    const [, what, count, choice] = /^([a-z]+):(\d{1,7}):(\d{1,3})$/.exec(part) ?? []
    if (what === undefined) return undefined
    decisions.push({ what, count: Number(count), choice: Number(choice) })
  }
  return decisions
}

/** Leaves decisions out, ever fewer at a time, as long as `fails` says that the rest still fails. Asks at most `budget` times. */
export const shrink = Effect.fnUntraced(function*(
  decisions: ReadonlyArray<Decision>,
  fails: (decisions: ReadonlyArray<Decision>) => Effect.Effect<boolean>,
  budget: number
) {
  let best = decisions
  let left = budget
  for (let part = best.length; part >= 1; part = Math.floor(part / 2)) {
    for (let from = best.length - part; left > 0 && best.length > 0;) {
      const start = Math.max(0, from)
      const fewer = best.filter((_, index) => index < start || index >= start + part)
      left--
      if (fewer.length < best.length && (yield* fails(fewer))) best = fewer
      if (from <= 0) break
      from -= part
    }
  }
  return best
})
