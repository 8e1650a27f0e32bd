/** A promise of the engine, by its number. */
export type PromiseId = `S${number}`

/** What was found to be against a promise. */
export interface Violation {
  readonly promise: PromiseId
  readonly problem: string
}
