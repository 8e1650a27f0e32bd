/** What the command prints as JSON: the fields that tests look at, each there where it belongs. */
export interface Printed {
  readonly runId: string
  readonly workflow: string
  readonly status: string
  readonly reason: string
  readonly joined: boolean
  readonly spent: { readonly tokens: number }
  readonly spending: {
    readonly today: { readonly tokens?: number }
    readonly reserved: object
    readonly ever: { readonly tokens?: number }
  }
  readonly otherInput: boolean
  readonly output: unknown
  readonly result: string
  readonly event: string
  readonly eventId: string
  readonly name: string
  readonly at: number
  readonly error: { readonly code: string; readonly message: string }
  readonly problems: ReadonlyArray<{ readonly path: string; readonly code: string; readonly message: string }>
  readonly approvals: ReadonlyArray<{ readonly answers: ReadonlyArray<object> }>
  readonly waits: ReadonlyArray<{ readonly who: ReadonlyArray<string> }>
  readonly step: string
  readonly hash: string
  readonly bytes: number
  readonly mediaType: string
  readonly text?: string
  readonly base64?: string
  readonly steps: { readonly executed: number; readonly replayed: number }
}

/** What a command line came to. */
export interface Outcome {
  /** What the process would end with. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Stdout as one JSON document; a failure when it is anything else. */
  readonly json: Printed
  /** Stdout as NDJSON. */
  readonly lines: ReadonlyArray<Printed>
}

export const outcomeOf = (code: number, stdout: string, stderr: string): Outcome => ({
  code,
  stdout,
  stderr,
  get json() {
    return JSON.parse(stdout) as Printed
  },
  get lines() {
    return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Printed)
  }
})
