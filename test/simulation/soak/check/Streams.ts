/** What clients heard of journals, against what they are: every entry once, in order, and all of it for whoever stayed. */

/** What one follower wrote down of one run, in its order. */
export type Note =
  /** When it began to follow, ms since the epoch. */
  | { readonly run: string; readonly beganAt: number }
  | { readonly run: string; readonly seq: number; readonly tag: string }
  | { readonly run: string; readonly end: string }
  | { readonly run: string; readonly problem: string }
  /** It left before the end, at this time (ms since the epoch). */
  | { readonly run: string; readonly leftAt: number }

/** The run as it is in the end. */
export interface Journal {
  readonly tags: ReadonlyArray<string>
  readonly status: string
  /** When the last entry came, ms since the epoch. */
  readonly endedAt: number
}

/**
 * What is wrong with one following of a run, in sentences. Who left before the run
 * had ended, or a moment after that, need not have heard of it.
 *
 * @param isCut The follower was killed.
 */
export const problemsOf = (
  notes: ReadonlyArray<Note>,
  { endedAt, status, tags }: Journal,
  isCut: boolean
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  let next = 0
  let end: string | undefined
  for (const note of notes) {
    if ("problem" in note) problems.push(`its stream said "${note.problem}"`)
    if ("end" in note) {
      if (end !== undefined) problems.push("its stream ended twice")
      end = note.end
    }
    if (!("seq" in note)) continue
    if (end !== undefined) problems.push(`its stream told entry ${note.seq} behind its end`)
    if (note.seq !== next) problems.push(`its stream told entry ${note.seq} where ${next} was to come`)
    else if (note.tag !== tags[next]) {
      problems.push(`its stream told ${note.tag} as entry ${next}, which is ${tags[next]}`)
    }
    next = note.seq + 1
  }
  if (end !== undefined && next !== tags.length) {
    problems.push(`its stream ended behind ${next} of ${tags.length} entries`)
  }
  if (end !== undefined && end !== status) problems.push(`its stream ended with "${end}", and it is ${status}`)
  const left = notes.find((note) => "leftAt" in note)?.leftAt
  const began = notes.find((note) => "beganAt" in note)?.beganAt ?? 0
  const hadTime = left === undefined || left > Math.max(began, endedAt) + momentMs
  if (end === undefined && !isCut && hadTime) problems.push("its stream was followed, and has not ended")
  return problems
}

/** How long the end of a run may be on its way to who follows it, on a busy machine and through whatever is killed meanwhile, in ms. */
const momentMs = 10_000

/** Commits as a stream of all runs tells them: entries of a run from the first on, without a gap and none twice. */
export class Commits {
  private readonly next = new Map<string, number>()
  private position = ""
  readonly problems: Array<string> = []

  /** A commit was told. Texts of later positions are greater. */
  tell(run: string, position: string, entries: readonly [from: number, to: number] | undefined): void {
    if (position <= this.position) {
      this.problems.push(`the stream of all runs told position ${position} behind ${this.position}`)
    }
    this.position = position
    if (entries === undefined) return
    const [from, to] = entries
    const next = this.next.get(run) ?? 0
    if (from !== next) {
      this.problems.push(`the stream of all runs told entries ${from} to ${to} of run ${run} where ${next} was to come`)
    }
    this.next.set(run, to + 1)
  }

  /** How many entries of a run were told. */
  told(run: string): number {
    return this.next.get(run) ?? 0
  }

  /** Nothing more is asked about a run. */
  forget(run: string): void {
    this.next.delete(run)
  }
}
