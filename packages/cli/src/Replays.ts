/**
 * What a replay found, for people.
 */
import type { Replayed, Verdict } from "@fermata/engine/Replay"
import type { Report } from "@fermata/engine/Upgrade"
import { out } from "./Output.ts"
import * as Words from "./Words.ts"

/** One run: whether it fits, and where it does not. */
export const textOf = (replayed: Replayed): ReadonlyArray<string> => [
  `${marks[replayed.verdict]}  run ${replayed.runId}  ${Words.definition(replayed)}  ${replayed.status}: ${
    says(replayed)
  }`,
  ...(replayed.difference === undefined ? [] : [`           ${replayed.difference.detail}`])
]

/** The whole: every run that does not fit, and how many do. */
export const reportText = (report: Report): ReadonlyArray<string> => {
  const { breaks, fits, finished, open, unreadable, unserved } = report
  const wrong = breaks.length + unreadable.length
  return [
    ...[...breaks, ...unreadable].flatMap(textOf),
    ...Array.from(
      Map.groupBy(unserved, Words.definition),
      ([definition, runs]) =>
        `${marks.unserved}  ${
          Words.count(runs.length, "run")
        } of ${definition}, which this configuration does not serve: ${
          runs.slice(0, 3).map(({ runId }) => runId).join(", ")
        }${runs.length > 3 ? " and more" : ""}`
    ),
    `${wrong === 0 ? marks.fits : marks.breaks}  ${Words.count(open, "open run")} and ${
      Words.count(finished, "finished run")
    }: ${
      [
        `${fits} fit`,
        ...(breaks.length === 0 ? [] : [`${breaks.length} would break`]),
        ...(unreadable.length === 0 ? [] : [`${unreadable.length} cannot be read`]),
        ...(unserved.length === 0 ? [] : [`${unserved.length} not of this code`])
      ].join(", ")
    }`
  ]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const marks: { readonly [V in Verdict]: string } = {
  fits: out.green("fits   "),
  breaks: out.red("breaks "),
  unserved: out.cyan("other  "),
  unreadable: out.red("damaged")
}

const says = ({ difference, entries, verdict }: Replayed): string =>
  verdict === "fits"
    ? `the code replays ${entries === 1 ? "its one entry" : `all ${entries} entries`}`
    : `at "${difference?.key ?? ""}", after ${difference?.at ?? 0} of ${Words.count(entries, "entry", "entries")}`
