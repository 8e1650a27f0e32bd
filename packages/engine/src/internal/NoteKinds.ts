/** The kinds of the notes that the engine makes itself. */
const kinds = ["events-gone", "foreign-work", "step-late"] as const

export type NoteKind = typeof kinds[number]

export const isOwn = (kind: string): boolean => kinds.some((own) => own === kind)
