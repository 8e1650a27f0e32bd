/**
 * A store that outlives its hosts, with the verbs of failure: start a host on
 * it, kill it at any write, freeze it, write rows as somebody else.
 *
 * A killed host ends as `kill -9` ends a process: what it writes from then on
 * never arrives, nothing of it wakes up again, and no finalizer runs. All
 * hosts of a world share one host clock, which stands still until it is moved;
 * programs live by the `Clock` of the test, as a rule a `TestClock`.
 *
 * Nothing waits for real time. After each verb of a world every host has come
 * to rest, and so it has after `settled`; what a test does next is all that
 * happens next. An effect that a host dies in never ends, so race it with the
 * death of the host, or kill where nobody waits.
 *
 * @example
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { CrashHost } from "@fermata/testing"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * it.effect("the reminder is sent once, although its process dies while it waits", () =>
 *   Effect.gen(function*() {
 *     const world = yield* CrashHost.make
 *     const first = yield* world.start(RemindLayer)
 *     const runId = yield* first.use(Remind.execute({ id: "1" }, { discard: true }))
 *     yield* first.settled
 *
 *     const second = yield* world.restart(first, RemindLayer)
 *     yield* TestClock.adjust("14 days")
 *     yield* second.settled
 *
 *     assert.strictEqual((yield* world.run(runId)).status, "completed")
 *     assert.deepStrictEqual(sent, ["1"])
 *   }))
 * ```
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { Wait } from "@fermata/core/Wait"
import * as Answers from "@fermata/engine/Answers"
import {
  type ApprovalRow,
  type Backend,
  type InboxRow,
  type Op,
  type RunRow,
  StorageFailed
} from "@fermata/engine/Backend"
import { Engine } from "@fermata/engine/Engine"
import type { EngineOptions } from "@fermata/engine/EngineOptions"
import { EngineProbe } from "@fermata/engine/EngineProbe"
import { HostClock } from "@fermata/engine/HostClock"
import type { Kind, Message } from "@fermata/engine/InboxMessage"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Store } from "@fermata/engine/Store"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { TestHost } from "./TestHost.ts"

/** What a host offers to the workflows that it serves and to `Host.use`. */
export type Services = TestHost | Engine | Store | HostClock | WorkflowEngine

/** One process on the world's store. */
export interface Host {
  /** Runs an effect with the services of this host. */
  readonly use: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Services>>
  /** Kills the process now. */
  readonly kill: Effect.Effect<void>
  /**
   * Kills the process at its write number `count` from now, 1 for the next.
   * Only writes that carry entries or start a run are counted, unless `every`. `after`: the
   * write is in the store, and its answer is lost.
   */
  readonly killAt: (count: number, when: "before" | "after", which?: "entries" | "every") => void
  /**
   * Makes the next `count` writes fail with `StorageFailed`. `before`: nothing
   * of them is stored; `after`: they are stored, and nobody is told so; `full`:
   * nothing is stored, and the store knows that and says so.
   */
  readonly failWrites: (count: number, when?: "before" | "after" | "full") => void
  /** Number of writes so far, of every kind. */
  readonly writes: () => number
  /** Whether it has been killed; an orderly end does not count. */
  readonly killed: () => boolean
  /**
   * Stops the process for a while: its writes wait until it is thawed. Until
   * then it never settles, so bound what waits for every host of the world.
   */
  readonly freeze: () => void
  /** Lets the writes go that have waited. */
  readonly thaw: Effect.Effect<void>
  /** Waits until nothing is on its way in this host. */
  readonly settled: Effect.Effect<void>
  /** Number of runs in memory. */
  readonly awake: Effect.Effect<number>
  /** Lets every parked run out of memory, so that its next delivery replays it. */
  readonly evict: Effect.Effect<void>
  /** Ends the process in an orderly way. */
  readonly close: Effect.Effect<void>
}

/** How a host behaves, and at which write it is killed; see `Host.killAt`. */
export interface StartOptions extends Partial<EngineOptions> {
  readonly killAt?: { readonly count: number; readonly when: "before" | "after"; readonly which?: "entries" | "every" }
  /** Called whenever the body of a step is about to begin: its run, its key in it, and the attempt, from 1. */
  readonly bodyBegins?: EngineProbe["bodyBegins"]
}

/** A store and the hosts on it. */
export interface World {
  /** A connection that no host has. */
  readonly backend: Backend
  /** Starts a host that serves these workflows. */
  readonly start: <E>(
    workflows: Layer.Layer<never, E, Services>,
    options?: StartOptions
  ) => Effect.Effect<Host, E | StorageFailed>
  /** Kills a host and starts another once the lease of the first has ended. */
  readonly restart: <E>(
    host: Host,
    workflows: Layer.Layer<never, E, Services>,
    options?: StartOptions
  ) => Effect.Effect<Host, E | StorageFailed>
  /** Has every host look at what others have written, and waits until nothing is on its way. */
  readonly look: Effect.Effect<void>
  /** Moves the host clock, by which leases end. */
  readonly adjustHost: (millis: number) => Effect.Effect<void>
  /** Sets the host clock ahead or back, as somebody sets the clock of a machine. */
  readonly setHost: (millis: number) => Effect.Effect<void>

  /** The row of a run, by its id; a defect when there is none. */
  readonly run: (id: string) => Effect.Effect<RunRow>
  /** The waits of a suspended run; none for any other. */
  readonly waits: (id: string) => Effect.Effect<ReadonlyArray<Wait>>
  /** The entries of a run so far. */
  readonly journal: (id: string) => Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>>
  /** The tags of a journal, with the key or name of each entry that has one; `RunStarted`, `RunSuspended` are left out. */
  readonly story: (id: string) => Effect.Effect<ReadonlyArray<string>>
  /** The stored rows of a journal, as text. */
  readonly rows: (id: string) => Effect.Effect<ReadonlyArray<string>>
  /** The rows of a run's inbox, which its owner has not yet journaled. */
  readonly inbox: (id: string) => Effect.Effect<ReadonlyArray<InboxRow>>
  /** The open questions of a run. */
  readonly approvals: (id: string) => Effect.Effect<ReadonlyArray<ApprovalRow>>
  /**
   * Writes a row into a run's inbox, as another process would, and waits until
   * the hosts have taken it. Answers how it was taken. With an `id`, again is once.
   */
  readonly tell: <K extends Kind>(
    run: string,
    kind: K,
    message: Message<K>,
    options?: { readonly id?: string }
  ) => Effect.Effect<string>
  /**
   * Answers a question, as somebody would at another process, and waits until
   * the hosts have taken it. Gives `accepted`, or why not: `answered`, `late`,
   * `voted`, and what else the rule says; `unknown` and `closed` as for `tell`.
   */
  readonly answer: (
    run: string,
    key: string,
    said: Omit<Answers.Said, "id"> & { readonly id?: string }
  ) => Effect.Effect<string>
}

const leaseMs = 10_000
const decodeWaits = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Wait)))

/** A world in memory, whose store can be looked into and damaged. */
export interface MemoryWorld extends World {
  readonly store: MemoryBackend.MemoryStore
}

/** Makes a world with an empty store in memory. */
export const make: Effect.Effect<MemoryWorld> = Effect.suspend(() => {
  const store = MemoryBackend.makeStore()
  return Effect.map(makeOn(MemoryBackend.make(store)), (world) => ({ ...world, store }))
})

/** Makes a world on any empty store: every host of it uses this connection. */
export const makeOn = (backend: Backend): Effect.Effect<World> =>
  Effect.sync(() => {
    const hostClock = HostClock.makeManual()
    const hosts = new Set<Host>()
    const plain = Store.make(backend)
    let messages = 0

    const settleAll = Effect.suspend(() =>
      Effect.forEach(Array.from(hosts).filter((host) => !host.killed()), (host) => host.settled, { discard: true })
    )

    const start: World["start"] = Effect.fnUntraced(function*(workflows, { bodyBegins, killAt, ...options } = {}) {
      const mortal = makeMortal(backend)
      if (killAt !== undefined) mortal.killAt(killAt.count, killAt.when, killAt.which)
      const quiet = yield* EngineProbe
      const scope = yield* Scope.make()
      let services = yield* Layer.buildWithScope(
        TestHost.layerOf(mortal.backend, { leaseMs, ...options }, hostClock).pipe(
          Layer.provide(Layer.succeed(EngineProbe, bodyBegins === undefined ? quiet : { ...quiet, bodyBegins }))
        ),
        scope
      )
      const engine = Context.get(services, Engine)
      mortal.onDeath(() => {
        hosts.delete(host)
        Effect.runSync(engine.crash)
      })
      const host: Host = {
        use: (effect) => Effect.suspend(() => Effect.provideContext(effect, services)) as never,
        kill: Effect.sync(mortal.kill),
        killAt: mortal.killAt,
        failWrites: mortal.failWrites,
        writes: mortal.writes,
        killed: mortal.dead,
        freeze: mortal.freeze,
        thaw: mortal.thaw,
        settled: Effect.suspend(() => mortal.dead() ? Effect.void : Effect.raceFirst(engine.settled, mortal.death)),
        awake: engine.awake,
        evict: engine.evict,
        close: Effect.andThen(Effect.sync(() => void hosts.delete(host)), Scope.close(scope, Exit.void))
      }
      hosts.add(host)
      // Never interrupted: a host that is killed while it registers its workflows just stops there.
      const registered = yield* Effect.forkDetach(
        Effect.map(
          Layer.buildWithScope(Layer.provide(workflows, Layer.succeedContext(services)), scope),
          (registered) => {
            services = Context.merge(services, registered)
          }
        )
      )
      yield* Effect.raceFirst(Fiber.join(registered), mortal.death)
      yield* host.settled
      return host
    })

    const look = Effect.suspend(() =>
      Effect.andThen(
        Effect.forEach(Array.from(hosts), (host) => host.use(Effect.flatMap(Engine, (engine) => engine.look)), {
          discard: true
        }),
        settleAll
      )
    )

    const adjustHost = (millis: number) => Effect.andThen(hostClock.advance(millis), settleAll)

    const journal = (id: string) => Effect.orDie(plain.journal(id))

    return {
      backend,
      start,
      look,
      adjustHost,
      setHost: (millis) => Effect.sync(() => hostClock.jump(millis)),
      restart: (host, workflows, options) =>
        host.kill.pipe(
          Effect.andThen(hostClock.advance((options?.leaseMs ?? leaseMs) + 1)),
          Effect.andThen(start(workflows, options))
        ),
      run: (id) =>
        Effect.flatMap(
          Effect.orDie(backend.run(id)),
          (row) => row === null ? Effect.die(new Error(`There is no run ${id}`)) : Effect.succeed(row)
        ),
      waits: (id) =>
        Effect.flatMap(
          Effect.orDie(backend.run(id)),
          (row) => row === null || row.waits === null ? Effect.succeed([]) : Effect.orDie(decodeWaits(row.waits))
        ),
      journal,
      story: (id) =>
        Effect.map(journal(id), (entries) =>
          entries
            .filter((entry) => entry._tag !== "RunStarted" && entry._tag !== "RunSuspended")
            .map((entry) =>
              "key" in entry
                ? `${entry._tag} ${entry.key}`
                : "name" in entry
                ? `${entry._tag} ${entry.name}`
                : entry._tag
            )),
      rows: (id) => Effect.orDie(backend.entries(id, 0, 1_000_000)),
      inbox: (id) => Effect.orDie(backend.inbox(id)),
      approvals: (id) => Effect.orDie(backend.approvals(id, 1_000)),
      answer: Effect.fnUntraced(function*(run, key, said) {
        const clock = yield* Clock.Clock
        const desk: Answers.Desk = {
          backend,
          write: (op) => Effect.map(backend.write([op]), ([answer]) => answer),
          journal: plain.journal,
          now: () => clock.currentTimeMillisUnsafe()
        }
        const outcome = yield* Effect.orDie(
          Answers.take(desk, run, key, { id: `answer:told:${++messages}`, identity: [said.by], ...said })
        )
        yield* look
        return outcome._tag === "Taken"
          ? "accepted"
          : outcome._tag === "Refused"
          ? outcome.reason
          : outcome._tag.toLowerCase()
      }),
      tell: Effect.fnUntraced(function*(run, kind, message, options) {
        const at = yield* Clock.currentTimeMillis
        const [answer] = yield* Effect.orDie(backend.write([{
          op: "inbox",
          row: { run, id: options?.id ?? `${kind}:told:${++messages}`, kind, payload: JSON.stringify(message), at }
        }]))
        yield* look
        return answer.result
      })
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const unable = Effect.fail(new StorageFailed({ operation: "write", problem: "it was told to fail" }))
const full = Effect.fail(new StorageFailed({ operation: "write", problem: "it was told to be full", noRoom: true }))

const makeMortal = (backend: Backend) => {
  let dead = false
  let countdown: { left: number; readonly when: "before" | "after"; readonly every: boolean } | undefined
  let writes = 0
  let failing: { left: number; readonly when: "before" | "after" | "full" } = { left: 0, when: "before" }
  let onDeath = () => {}
  let die = () => {}
  let gate: Array<() => void> | undefined
  const death = Effect.callback<void>((resume) => {
    if (dead) return resume(Effect.void)
    const before = die
    die = () => {
      before()
      resume(Effect.void)
    }
  })
  const kill = () => {
    if (dead) return
    dead = true
    onDeath()
    die()
  }
  const counts = (op: Op) =>
    op.op === "start" || (op.op === "commit" && (op.rows.length > 0 || op.together !== undefined))
  const thawed = Effect.callback<void>((resume) => {
    if (gate === undefined) return resume(Effect.void)
    gate.push(() => resume(Effect.void))
  })
  const write: Backend["write"] = (ops) =>
    Effect.suspend(() => {
      if (dead) return Effect.never
      if (gate !== undefined) return Effect.andThen(thawed, write(ops))
      writes++
      if (failing.left > 0) {
        failing.left--
        if (failing.when === "full") return full
        return failing.when === "before" ? unable : Effect.andThen(backend.write(ops), unable)
      }
      if (countdown === undefined || !(countdown.every || ops.some(counts)) || --countdown.left > 0) {
        return backend.write(ops)
      }
      if (countdown.when === "before") {
        kill()
        return Effect.never
      }
      return Effect.andThen(
        backend.write(ops),
        Effect.suspend(() => {
          kill()
          return Effect.never
        })
      )
    })
  return {
    backend: { ...backend, write } as Backend,
    kill,
    killAt: (left: number, when: "before" | "after", which: "entries" | "every" = "entries") => {
      countdown = { left, when, every: which === "every" }
    },
    failWrites: (left: number, when: "before" | "after" | "full" = "before") => {
      failing = { left, when }
    },
    writes: () => writes,
    dead: () => dead,
    death,
    freeze: () => {
      gate ??= []
    },
    thaw: Effect.suspend(() => {
      const waiting = gate ?? []
      gate = undefined
      for (const resume of waiting) resume()
      return Effect.yieldNow
    }),
    onDeath: (act: () => void) => {
      onDeath = act
    }
  }
}
