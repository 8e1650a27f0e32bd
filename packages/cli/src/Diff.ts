/**
 * The difference of two runs, for people.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { RunDiff, StepDiff, StepSide } from "@fermata/core/RunDiff"
import { out } from "./Output.ts"

/** The lines about two runs. */
export const textOf = ({ a, b, parting, steps }: RunDiff): ReadonlyArray<string> => [
  `${out.red("a")} run ${a}`,
  `${out.green("b")} run ${b}`,
  ...(parting === undefined
    ? ["they are the same"]
    : ["they part at", `  ${out.red("a")} ${entryText(parting.a)}`, `  ${out.green("b")} ${entryText(parting.b)}`]),
  ...(steps.length === 0 ? [] : ["steps:", ...steps.flatMap(stepText)])
]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const entryText = (entry: JournalEntry.JournalEntry | undefined): string => {
  if (entry === undefined) return "(no more)"
  const { _tag, at: _at, blobs: _blobs, epoch: _epoch, seq, ...rest } = entry
  return `entry ${seq}  ${_tag}  ${short(rest)}`
}

const stepText = ({ a, b, key, verdict }: StepDiff): ReadonlyArray<string> => {
  switch (verdict) {
    case "same":
      return [`  ${out.dim("=")} ${key}  ${sideText(a)}`]
    case "only-a":
      return [`  ${out.red("a")} ${key}  ${sideText(a)}`]
    case "only-b":
      return [`  ${out.green("b")} ${key}  ${sideText(b)}`]
    case "different":
      return [
        `  ${out.yellow("≠")} ${key}`,
        `      ${out.red("a")} ${sideText(a)}`,
        `      ${out.green("b")} ${sideText(b)}`
      ]
  }
}

const sideText = (side: StepSide | undefined): string =>
  side === undefined
    ? ""
    : `${side.status}${side.error === undefined ? "" : `  ${side.error}`}${
      "output" in side ? `  ${short(side.output)}` : ""
    }`

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing"
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text
}
