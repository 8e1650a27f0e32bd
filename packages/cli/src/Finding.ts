/** What `doctor` has found out about one thing. */
export interface Finding {
  /** What was looked at. */
  readonly name: string
  /** `problem` needs an operator. */
  readonly level: "ok" | "info" | "problem"
  readonly message: string
  /** Commands that act on it. */
  readonly commands?: ReadonlyArray<string>
  readonly runs?: ReadonlyArray<string>
}
