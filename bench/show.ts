/** Figures as people and programs read them. */
import { type Figure, withinBudget } from "./measure.ts"

/** Writes figures to stdout: a line each, or with `json` one document. */
export const show = (
  figures: ReadonlyArray<Figure>,
  { json, quick }: { readonly json: boolean; readonly quick: boolean }
): void => {
  if (json) {
    process.stdout.write(`${JSON.stringify({ node: process.version, quick, figures }, null, 2)}\n`)
    return
  }
  for (const figure of figures) {
    const within = withinBudget(figure)
    const budget = figure.budget === undefined ? "" : `${figure.budget.kind} ${figure.budget.value}`
    const readings = Object.entries(figure.readings).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`)
      .join(", ")
    process.stdout.write(
      `${figure.name.padEnd(44)} ${figure.best.toFixed(2).padStart(9)} ${figure.unit.padEnd(24)} median ${
        figure.median.toFixed(2).padStart(8)
      }  ${budget.padEnd(14)} ${within === undefined ? "" : within ? "within" : "OVER"}  ${readings}\n`
    )
  }
}
