/** What a search is asked, and what it finds. */
import type { Flags } from "./Expression.ts"

export interface Place {
  readonly root: string
  /** The folder or file that is looked at, from the root on; the root itself is "". */
  readonly start: string
  /** Patterns of what is hidden. */
  readonly hidden: ReadonlyArray<string>
  /** Globs of what the policy of the agent does not let be read. */
  readonly unreadable?: ReadonlyArray<string>
}

/** Which files there are. */
export interface Listing extends Place {
  readonly kind: "glob"
  /** From `start` on. */
  readonly pattern: string
  readonly most: number
}

/** What stands in them. */
export interface Searching extends Place, Flags {
  readonly kind: "grep"
  readonly pattern: string
  /** Files to look at, as ignore files have them; with `!` those that are not. */
  readonly glob: string | undefined
  readonly mode: "files_with_matches" | "content" | "count"
  readonly numbers: boolean
  readonly before: number
  readonly after: number
  /** Entries at most: files, or lines. */
  readonly most: number
  readonly maxBytes: number
  /** Ask ripgrep which files to read, where there is one; or the program that stands in its place. */
  readonly ripgrep: boolean | string
}

export type Job = Listing | Searching

export interface Found {
  readonly lines: ReadonlyArray<string>
  /** What the lines do not say of what was found, or looked at. */
  readonly notes: ReadonlyArray<string>
}
