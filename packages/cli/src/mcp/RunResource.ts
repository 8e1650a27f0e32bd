/** The addresses under which runs are read: `fermata://runs/ID`, and what is below it. */

/** The latest runs, and the open questions. */
export const runsUri = "fermata://runs"
export const approvalsUri = "fermata://approvals"

/** Addresses with a place for the run, as clients fill it in. */
export const templates = {
  run: `${runsUri}/{run}`,
  journal: `${runsUri}/{run}/journal{?from}`,
  transcript: `${runsUri}/{run}/transcript{?from}`,
  artifact: `${runsUri}/{run}/artifacts/{artifact}`
} as const

/** The address of a run, or of what is below it. */
export const uriOf = (run: string, below?: string): string =>
  `${runsUri}/${encodeURIComponent(run)}${below === undefined ? "" : `/${below}`}`

/** The address of what is below a run, from the line of this number on. */
export const uriFrom = (run: string, below: "journal" | "transcript", from: number): string =>
  `${uriOf(run, below)}?from=${from}`

/** What an address means. Lines begin with the number 0. */
export type Place =
  | { readonly _tag: "Runs" }
  | { readonly _tag: "Approvals" }
  | { readonly _tag: "Run"; readonly run: string }
  | { readonly _tag: "Journal"; readonly run: string; readonly from: number }
  | { readonly _tag: "Transcript"; readonly run: string; readonly from: number }
  | { readonly _tag: "Artifact"; readonly run: string; readonly artifact: string }

/** What is meant by this address; undefined for one of nothing that is here. */
export const placeOf = (uri: string): Place | undefined => {
  if (uri === runsUri) return { _tag: "Runs" }
  if (uri === approvalsUri) return { _tag: "Approvals" }
  const [, path = "", query] = /^([^?]*)(?:\?(.*))?$/s.exec(uri)!
  const parts = path.startsWith(`${runsUri}/`) ? path.slice(runsUri.length + 1).split("/").map(decoded) : []
  const [run, below, artifact] = parts
  if (run === undefined || run === "" || parts.includes(undefined)) return undefined
  if (parts.length === 2 && (below === "journal" || below === "transcript")) {
    const from = query === undefined ? "0" : /^from=(\d{1,15})$/.exec(query)?.[1]
    return from === undefined
      ? undefined
      : { _tag: below === "journal" ? "Journal" : "Transcript", run, from: Number(from) }
  }
  if (query !== undefined) return undefined
  if (parts.length === 1) return { _tag: "Run", run }
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
