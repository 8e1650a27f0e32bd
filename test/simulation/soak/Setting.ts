/** What every process of a soak is told: by the variable `SOAK`, as JSON. */
export interface Setting {
  readonly seed: number
  readonly folder: string
  /** Where the servers are; any of them does. */
  readonly servers: ReadonlyArray<string>
  /** Tokens by the names of those who act by them. */
  readonly tokens: Readonly<Record<string, string>>
  /** When the first round began, in ns of the monotonic clock. */
  readonly startedAt: number
  readonly roundMs: number
  /** How many there are. */
  readonly rounds: number
  /** 1 is what two cores do beside others. */
  readonly load: number
}

export const settingOf = (text: string | undefined): Setting => {
  if (text === undefined) throw new Error("SOAK is not set: this is a part of `npm run soak`")
  return JSON.parse(text) as Setting
}

/** ns of a clock that all processes of this machine share, and that never goes back. */
export const now = (): number => Number(process.hrtime.bigint())

/** The round that is on, from 0. */
export const roundAt = ({ roundMs, startedAt }: Pick<Setting, "roundMs" | "startedAt">, at = now()): number =>
  Math.floor((at - startedAt) / 1e6 / roundMs)

/** When a round begins, in ns of the monotonic clock. */
export const startOf = ({ roundMs, startedAt }: Pick<Setting, "roundMs" | "startedAt">, round: number): number =>
  startedAt + round * roundMs * 1e6

/** ms until a round is over. */
export const left = (setting: Pick<Setting, "roundMs" | "startedAt">, round: number): number =>
  (startOf(setting, round + 1) - now()) / 1e6

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))

/** Where what belongs to a round is. */
export const folderOf = (folder: string, what: "history" | "ledger", round: number): string =>
  `${folder}/${what}/${String(round).padStart(6, "0")}`

/** A round of so much load has so many objects of a kind, and one at least. */
export const many = ({ load }: Pick<Setting, "load">, count: number): number => Math.max(1, Math.round(count * load))
