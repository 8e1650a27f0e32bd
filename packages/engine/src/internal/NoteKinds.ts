/** The kinds of the notes that the engine makes itself, now or in an earlier build. */
const kinds = [
  "answer-late",
  "answer-refused",
  "events-gone",
  "foreign-work",
  "inbox-late",
  "inbox-refused",
  "patch",
  "settle-refused",
  "step-late",
  "step-let-go",
  "step-released",
  "workflow"
] as const

export type NoteKind = typeof kinds[number]

export const isOwn = (kind: string): boolean => kinds.some((own) => own === kind)
