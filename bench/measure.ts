/** Timing by ratios: a figure means something only beside its control, taken in the same breath. */
import { performance } from "node:perf_hooks"

export interface Figure {
  readonly name: string
  /** What the ratio is to. */
  readonly control: string
  readonly unit: string
  /** One ratio per round. */
  readonly ratios: ReadonlyArray<number>
  readonly best: number
  readonly median: number
  /** The budget; `at most` or `at least`. */
  readonly budget: { readonly kind: "at most" | "at least"; readonly value: number } | undefined
  /** Plain readings that help to understand the ratio: ms, bytes, counts. */
  readonly readings: Readonly<Record<string, number>>
}

export const time = async (work: () => unknown): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export const figure = (
  name: string,
  control: string,
  unit: string,
  ratios: ReadonlyArray<number>,
  budget: Figure["budget"],
  readings: Readonly<Record<string, number>> = {}
): Figure => {
  const sorted = [...ratios].sort((a, b) => a - b)
  return {
    name,
    control,
    unit,
    ratios,
    best: budget?.kind === "at least" ? sorted.at(-1)! : sorted[0]!,
    median: sorted[Math.floor(sorted.length / 2)]!,
    budget,
    readings
  }
}

export const withinBudget = (figure: Figure): boolean | undefined =>
  figure.budget === undefined
    ? undefined
    : figure.budget.kind === "at most"
    ? figure.best <= figure.budget.value
    : figure.best >= figure.budget.value
