/** The addresses under which runs are read: `fermata://runs/ID`, and what is below it. */

/** The latest runs, and the open questions. */
export const runsUri = "fermata://runs"
export const approvalsUri = "fermata://approvals"

/** Addresses with a place for the run, as clients fill it in. */
export const templates = {
  run: `${runsUri}/{run}`,
  journal: `${runsUri}/{run}/journal`,
  transcript: `${runsUri}/{run}/transcript`,
  artifact: `${runsUri}/{run}/artifacts/{artifact}`
} as const

/** The address of a run, or of what is below it. */
export const uriOf = (run: string, below?: string): string =>
  `${runsUri}/${encodeURIComponent(run)}${below === undefined ? "" : `/${below}`}`

/** What an address means. */
export type Place =
  | { readonly _tag: "Runs" }
  | { readonly _tag: "Approvals" }
  | { readonly _tag: "Run" | "Journal" | "Transcript"; readonly run: string }
  | { readonly _tag: "Artifact"; readonly run: string; readonly artifact: string }

/** What is meant by this address; undefined for one of nothing that is here. */
export const placeOf = (uri: string): Place | undefined => {
  if (uri === runsUri) return { _tag: "Runs" }
  if (uri === approvalsUri) return { _tag: "Approvals" }
  const parts = uri.startsWith(`${runsUri}/`) ? uri.slice(runsUri.length + 1).split("/").map(decoded) : []
  const [run, below, artifact] = parts
  if (run === undefined || run === "" || parts.includes(undefined)) return undefined
  if (parts.length === 1) return { _tag: "Run", run }
  if (parts.length === 2 && below === "journal") return { _tag: "Journal", run }
  if (parts.length === 2 && below === "transcript") return { _tag: "Transcript", run }
  return parts.length === 3 && below === "artifacts" && artifact !== undefined && artifact !== ""
    ? { _tag: "Artifact", run, artifact }
    : undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
