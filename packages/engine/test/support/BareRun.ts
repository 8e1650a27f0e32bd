import type { JournalEntry } from "@fermata/core/JournalEntry"
import { Context } from "effect"
import * as Ledger from "../../src/internal/run/Ledger.ts"
import * as Pass from "../../src/internal/run/Pass.ts"
import * as Phase from "../../src/internal/run/Phase.ts"
import { Replayer } from "../../src/internal/run/Replayer.ts"
import { RunCore } from "../../src/internal/run/RunCore.ts"
import type { ExecutorHost, PendingCommit } from "../../src/internal/run/RunHost.ts"

type Together = Parameters<ExecutorHost["commitTogether"]>

/**
 * What the parts of a run share, without a process: what is to be written
 * waits until the test says what came of it, and nothing goes round by itself.
 */
export const bareRun = (...entries: ReadonlyArray<object>) => {
  const history = [{ _tag: "RunRequested", workflow: "w", version: "1", payload: null }, ...entries].map((entry, seq) =>
    Object.assign({ seq, at: seq * 10, epoch: 1 }, entry) as JournalEntry
  )
  const loop = { woken: 0, wake: () => void loop.woken++, deliver: () => {} }
  const commits: Array<{ readonly contents: PendingCommit; readonly done: (ok: boolean, unseen?: boolean) => void }> =
    []
  const together: Array<{ readonly make: Together[2]; readonly done: Together[3] }> = []
  const gone: Array<string> = []
  const host = {
    gone: (_run: unknown, how: string) => void gone.push(how),
    shared: Context.empty(),
    now: () => 1_000,
    options: { maxRecoveries: 3 },
    timers: { set: (at: number) => ({ at }), cancel: () => {} },
    commit: (_row: unknown, contents: PendingCommit, done: (ok: boolean, unseen?: boolean) => void) =>
      void commits.push({ contents, done }),
    commitTogether: (_row: unknown, _expected: number, make: Together[2], done: Together[3]) =>
      void together.push({ make, done })
  }
  const pass = Pass.make(Ledger.load(history))
  const run = new RunCore(
    host as unknown as ExecutorHost,
    {} as never,
    { id: "r", workflow: "w", epoch: 1 } as never,
    history[0]!,
    pass,
    new Replayer(pass, history, undefined),
    history.length,
    loop
  )
  run.phase = Phase.live
  return { run, loop, commits, together, gone }
}
