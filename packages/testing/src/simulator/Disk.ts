/**
 * The store of a simulated world and the connections to it. A connection fails
 * as its life decides: the process dies before or after a write, the write
 * fails, is slow, or the process stands still meanwhile; and one that stood
 * still for long may read what was there before.
 */
import { type Answers, type Backend, type CommitOp, type Op, StorageFailed } from "@fermata/engine/Backend"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import * as Effect from "effect/Effect"
import type { Choices } from "./Choices.ts"
import type { Witness } from "./Witness.ts"

/** What may happen at a write. The first is the harmless one. */
export const faults = [
  "none",
  "crash-before",
  "crash-after",
  "fail-before",
  "fail-after",
  "pause-before",
  "pause-after",
  "slow-before",
  "slow-after"
] as const
export type Fault = (typeof faults)[number]

/** Where errors were thrown, as entries have it: it moves with every edit of a file, and is no part of what happened. */
const places = /,"stack":\[(?:"(?:[^"\\]|\\.)*",?)*\]/g

const often = [92, 1.5, 1.5, 1, 1, 0.7, 0.7, 1.5, 1.5]
/** A store that has failed, or was slow, fails again soon. */
const soon = [62, 1, 1, 12, 6, 1, 1, 8, 8]
const outage = 5
const seldom = [1, 0, 0, 0, 0, 0, 0, 0, 0]

/** A process, as far as its connection can harm it. */
export interface Victim {
  readonly name: string
  readonly dead: () => boolean
  readonly kill: () => void
  readonly pause: () => void
  /** The process has asked for runs that are due, and has no answer yet. */
  readonly asked: () => void
}

/** An operation, and what it has come to by its answer: what a commit makes inside its transaction, and its time there, is known only afterwards. */
const watched = (op: Op): { readonly op: Op; readonly done: (answer: Answers[keyof Answers]) => Op } => {
  if (op.op === "answer") {
    let at = 0
    return { op: { ...op, now: () => at = op.now() }, done: () => ({ ...op, now: () => at }) }
  }
  if (op.op !== "commit") return { op, done: () => op }
  if (op.together === undefined) return { op, done: (answer) => settled(op, answer as Answers["commit"]) }
  const { together, ...rest } = op
  let made: ReturnType<typeof together> = null
  return {
    op: { ...op, together: (within) => made = together(within) },
    done: () =>
      made === null
        ? rest
        : {
          ...rest,
          rows: [...rest.rows, ...made.rows],
          blobs: [...rest.blobs, ...made.blobs],
          outbox: [...rest.outbox, ...made.outbox],
          ...(made.spending === undefined ? {} : { spending: made.spending })
        }
  }
}

/** A commit with the rows that it was stored with, and what it has reserved. */
const settled = (op: CommitOp, answer: Answers["commit"]): CommitOp => {
  const { claims, ...rest } = op.spending ?? { days: [] }
  if (claims === undefined || !answer.ok || answer.refused === undefined) return op
  const refusals = new Map(answer.refused.map(({ refusal, row }) => [row, refusal]))
  return {
    ...op,
    rows: claims.reduce((rows, { otherwise, row }) => {
      const refusal = refusals.get(row)
      return refusal === undefined ? rows : rows.with(row, otherwise(refusal))
    }, op.rows),
    spending: { ...rest, claims: claims.filter(({ row }) => !refusals.has(row)) }
  }
}

type Question = {
  [K in keyof Backend]: Backend[K] extends (...args: ReadonlyArray<never>) => unknown ? K : never
}[keyof Backend]
type Ask = (...args: ReadonlyArray<never>) => Effect.Effect<never, StorageFailed>

type Batch = { readonly ops: ReadonlyArray<Op>; readonly answers: ReadonlyArray<Answers[keyof Answers]> }

export class Disk {
  store = MemoryBackend.makeStore()
  /** Everything that was written, for what survives a loss of power. */
  private log: Array<Batch> = []
  private base: Backend
  private readonly choices: Choices
  private readonly witness: Witness
  private readonly say: (line: string) => void
  private readonly double: (backend: Backend) => Backend
  private readonly lastWord: (run: string) => Op | undefined
  /** How many faults may still be chosen at writes. */
  faultsLeft: number
  /** Writes until the store is as good as ever. */
  private trouble = 0
  /** Writes that could have gone wrong. */
  writes = 0

  constructor(
    choices: Choices,
    witness: Witness,
    say: (line: string) => void,
    options: {
      readonly faults: number
      readonly double?: ((backend: Backend) => Backend) | undefined
      /** What somebody says to a run just before its end is written. */
      readonly lastWord?: (run: string) => Op | undefined
    }
  ) {
    this.choices = choices
    this.witness = witness
    this.say = say
    this.faultsLeft = options.faults
    this.lastWord = options.lastWord ?? (() => undefined)
    this.double = options.double ?? ((backend) => backend)
    this.base = this.double(MemoryBackend.make(this.store))
  }

  /** A view of the store that nothing stands between. */
  get truth(): Backend {
    return MemoryBackend.make(this.store)
  }

  /** Writes as a client of the store that is no process of ours. */
  write<O extends Op>(op: O): Effect.Effect<Answers[keyof Answers], StorageFailed> {
    return Effect.map(this.apply("world", [op]), (answers) => answers[0]!)
  }

  private apply(
    who: string,
    ops: ReadonlyArray<Op>
  ): Effect.Effect<ReadonlyArray<Answers[keyof Answers]>, StorageFailed> {
    const made = ops.map(watched)
    return Effect.map(Effect.suspend(() => this.base.write(made.map(({ op }) => op))), (answers) => {
      const batch: Batch = {
        ops: made.map(({ done }, index) => done(answers[index]!)),
        answers: answers as ReadonlyArray<Answers[keyof Answers]>
      }
      this.log.push(batch)
      this.witness.heard(batch.ops, batch.answers)
      this.say(
        `${who} ${
          JSON.stringify(batch, (_, value: unknown) => typeof value === "string" ? value.replaceAll(places, "") : value)
        }`
      )
      return batch.answers
    })
  }

  private sayLast(ops: ReadonlyArray<Op>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const end = ops.find((op) => op.op === "commit" && op.ended !== undefined)
      const word = end?.op === "commit" ? this.lastWord(end.run) : undefined
      return word === undefined ? Effect.void : Effect.ignore(this.apply("world", [word]))
    })
  }

  /** The machine loses power: so many of the last writes were not synced, and are gone. */
  losePower(lost: number): void {
    const kept = this.log.slice(0, Math.max(0, this.log.length - lost))
    this.store = MemoryBackend.makeStore()
    this.base = this.double(MemoryBackend.make(this.store))
    this.log = []
    this.witness.forget()
    for (const { ops } of kept) {
      const answers = Effect.runSync(this.base.write(ops)) as ReadonlyArray<Answers[keyof Answers]>
      this.log.push({ ops, answers })
      this.witness.heard(ops, answers)
    }
    this.say(`power is lost, and with it ${lost} writes`)
  }

  /** A connection of this process. */
  connect(victim: Victim): Backend & { readonly standStill: () => void } {
    /** The store as it was when the process stood still. Once it has read anything newer, it reads nothing older any more. */
    let stale: MemoryBackend.MemoryStore | undefined
    /** Transactions of this connection: it is told of those of others alone, as SQLite tells it. */
    let own = 0
    const apply = (ops: ReadonlyArray<Op>) => Effect.andThen(this.sayLast(ops), applied(ops))
    const applied = (ops: ReadonlyArray<Op>) =>
      Effect.suspend(() => {
        const before = this.store.transactions
        return Effect.tap(
          this.apply(victim.name, ops),
          () =>
            Effect.sync(() => {
              own += this.store.transactions - before
              if (ops.some(({ op }) => op === "claim")) victim.asked()
            })
        )
      })
    const write = (ops: ReadonlyArray<Op>): Effect.Effect<ReadonlyArray<Answers[keyof Answers]>, StorageFailed> =>
      Effect.suspend(() => {
        if (victim.dead()) return Effect.never
        stale = undefined
        this.writes++
        const weights = this.faultsLeft === 0 ? seldom : this.trouble > 0 ? soon : often
        const fault = faults[this.choices.choose("write", weights)]!
        if (this.trouble > 0) this.trouble--
        if (fault === "none") return apply(ops)
        this.faultsLeft--
        this.trouble = outage
        this.witness.hardships++
        this.say(`${victim.name}: ${fault} at write ${this.writes}`)
        return this.harm(victim, fault, apply(ops))
      })
    const current = (): MemoryBackend.MemoryStore => {
      if (stale !== undefined && this.choices.choose("stale", [60, 40]) === 0) stale = undefined
      return stale ?? this.store
    }
    const living = <A>(read: (backend: Backend, store: MemoryBackend.MemoryStore) => Effect.Effect<A, StorageFailed>) =>
      Effect.suspend(() => {
        if (victim.dead()) return Effect.never
        const store = current()
        return read(store === this.store ? this.base : MemoryBackend.make(store), store)
      })
    const reading = Object.fromEntries(
      Object.entries(this.base).map(([name, member]) => [
        name,
        typeof member === "function"
          ? (...args: ReadonlyArray<never>) =>
            living((backend) => (backend[name as Question] as unknown as Ask)(...args))
          : living((backend) => backend[name as "census"])
      ])
    ) as unknown as Backend
    return {
      ...reading,
      supports: { ...this.base.supports, shared: true },
      write: write as Backend["write"],
      version: living((_, { transactions }) => Effect.succeed(transactions - own)),
      standStill: () => {
        stale = structuredClone(this.store)
      }
    }
  }

  private harm<A>(
    victim: Victim,
    fault: Fault,
    apply: Effect.Effect<A, StorageFailed>
  ): Effect.Effect<A, StorageFailed> {
    const kill = Effect.suspend(() => {
      victim.kill()
      return Effect.never
    })
    const pause = Effect.suspend(() => {
      victim.pause()
      return Effect.yieldNow
    })
    const unable = Effect.fail(new StorageFailed({ operation: "write", problem: "the simulation let it fail" }))
    const slowly = Effect.gen({ self: this }, function*() {
      for (let turns = 1 + this.choices.choose("turns", [1, 1, 1, 1, 1, 1, 1, 1]); turns > 0; turns--) {
        yield* Effect.yieldNow
      }
    })
    switch (fault) {
      case "none":
        return apply
      case "crash-before":
        return kill
      case "crash-after":
        return Effect.andThen(apply, kill)
      case "fail-before":
        return unable
      case "fail-after":
        return Effect.andThen(apply, unable)
      case "pause-before":
        return Effect.andThen(pause, apply)
      case "pause-after":
        return Effect.tap(apply, pause)
      case "slow-before":
        return Effect.andThen(slowly, apply)
      case "slow-after":
        return Effect.tap(apply, slowly)
    }
  }
}
