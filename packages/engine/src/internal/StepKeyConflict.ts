/** A step key that stands for two different inputs in one run. */
export class StepKeyConflict extends Error {
  override readonly name = "StepKeyConflict"
  readonly runId: string
  readonly key: string
  constructor(runId: string, key: string) {
    super(`Step key "${key}" of run ${runId} was asked for again with another input; give each input its own key`)
    this.runId = runId
    this.key = key
  }
}
