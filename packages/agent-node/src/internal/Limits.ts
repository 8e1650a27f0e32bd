/** What a command may take. */

/** What a command may take, with all that it has started. */
export interface Limits {
  /** ms; 120,000 by default. */
  readonly timeoutMs: number
  /** Bytes of memory; 2 GiB by default. */
  readonly memory: number
  /** Processes at a time; 256 by default. */
  readonly processes: number
  /** Bytes of one file; 1 GiB by default. */
  readonly fileSize: number
  /** Seconds that one process may compute; 600 by default. */
  readonly cpuSeconds: number
  /** Bytes of each folder that is in memory: home, `/tmp`; 256 MiB by default. */
  readonly scratch: number
}

/** The limits where nothing else is said. */
export const limits: Limits = {
  timeoutMs: 120_000,
  memory: 2 * 1024 ** 3,
  processes: 256,
  fileSize: 1024 ** 3,
  cpuSeconds: 600,
  scratch: 256 * 1024 ** 2
}
