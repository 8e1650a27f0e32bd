/**
 * Stores that do not do what they say. Each stands between the engines of a
 * simulated world and its store; the simulator must find every one, and name a
 * promise that it breaks.
 */
import type {
  AnswerOp,
  Answers,
  Backend,
  CommitOp,
  DefinitionRow,
  Op,
  OutboxRow,
  RunRow
} from "@fermata/engine/Backend"
import { StorageFailed } from "@fermata/engine/Backend"
import { Effect } from "effect"
import * as Secrets from "./secrets.ts"

type Reply = Answers[keyof Answers]
type Ask = (op: Op) => Reply

export interface Double {
  readonly name: string
  /** The promises that it may be found by. */
  readonly breaks: ReadonlyArray<string>
  /** The name of the case that shows it; without it "everything" does. One about answers shows it in random lives alone, where people speak at once. */
  readonly shownBy?: string
  /** The seed of the lives in which it is looked for; by default that of every case. */
  readonly seed?: number
  readonly make?: (backend: Backend) => Backend
}

/** A store whose operations are answered one by one, by what `act` makes of them. */
const answering = (act: (op: Op, ask: Ask, backend: Backend) => Reply) => (backend: Backend): Backend => {
  const ask: Ask = (op) => (Effect.runSync(backend.write([op])) as ReadonlyArray<Reply>)[0]!
  return { ...backend, write: (ops) => Effect.sync(() => ops.map((op) => act(op, ask, backend)) as never) }
}

const onCommit = (change: (op: CommitOp, ask: Ask, backend: Backend) => Reply) =>
  answering((op, ask, backend) => op.op === "commit" ? change(op, ask, backend) : ask(op))

const onAnswer = (change: (op: AnswerOp, ask: Ask, backend: Backend) => Reply) =>
  answering((op, ask, backend) => op.op === "answer" ? change(op, ask, backend) : ask(op))

const told = ({ result }: Answers["inbox"], at: number): Answers["answer"] => ({ result, at })

/** Where the run really stands, so that a changed commit fits all the same. */
const fitted = (op: CommitOp, backend: Backend): CommitOp => {
  const run = Effect.runSync(backend.run(op.run))
  return run === null ? op : { ...op, expected: run.length }
}

const unfenced = (op: CommitOp, backend: Backend): CommitOp => {
  const run = Effect.runSync(backend.run(op.run))
  return run === null ? op : { ...op, epoch: run.epoch, expected: run.length }
}

/** Counts from 1, and starts anew with each store. */
const counting = (make: (next: () => number) => (backend: Backend) => Backend) => (backend: Backend): Backend => {
  let count = 0
  return make(() => ++count)(backend)
}

/** Changes an entry as it is read, and not as it was written. */
const onRead =
  (change: (entry: Record<string, unknown>) => Record<string, unknown>) => (backend: Backend): Backend => ({
    ...backend,
    entries: (run, from, limit) =>
      Effect.map(
        backend.entries(run, from, limit),
        (rows) => rows.map((row) => JSON.stringify(change(JSON.parse(row))))
      )
  })

const definedAs = (change: (row: DefinitionRow) => DefinitionRow) => (backend: Backend): Backend => ({
  ...backend,
  definitions: Effect.map(backend.definitions, (rows) => rows.map(change)),
  definition: (name, version) =>
    Effect.map(backend.definition(name, version), (row) => row === null ? null : change(row)),
  definitionByHash: (hash) => Effect.map(backend.definitionByHash(hash), (row) => row === null ? null : change(row))
})

const freeing = (run: string, epoch: number, length: number): CommitOp => ({
  op: "commit",
  run,
  epoch,
  expected: length,
  rows: [],
  blobs: [],
  at: 0,
  consumed: [],
  outbox: [],
  approvalsOpened: [],
  approvalsClosed: [],
  release: { dueAt: 0 }
})

/** A child is told to stop, and not left. */
const ordered = (message: OutboxRow): OutboxRow => {
  if (message.kind !== "leave") return message
  const { id, kind, payload, run } = JSON.parse(message.payload) as Record<string, string>
  return { id: message.id, kind: "inbox", payload: JSON.stringify({ run, id, kind, message: JSON.parse(payload!) }) }
}

/** The children of a run that is over are never told so. */
const leavingNothing = ({ leaves: _, outbox, ...op }: CommitOp): CommitOp => ({
  ...op,
  outbox: outbox.filter(({ kind }) => kind !== "leave")
})

const tellingSecrets = (row: OutboxRow): OutboxRow => ({ ...row, payload: Secrets.replaced(row.payload) })

export const doubles: ReadonlyArray<Double> = [
  {
    name: "forgets the fence: takes what a former owner writes",
    breaks: ["S5"],
    make: onCommit((op, ask, backend) => ask(unfenced(op, backend)))
  },
  {
    name: "does not raise the epoch with a claim",
    breaks: ["S5"],
    make: answering((op, ask) => {
      const answer = ask(op)
      return op.op === "claim"
        ? { runs: (answer as Answers["claim"]).runs.map((run) => Object.assign({}, run, { epoch: run.epoch - 1 })) }
        : answer
    })
  },
  {
    name: "gives a run away and keeps it",
    breaks: ["S5"],
    make: answering((op, ask) => {
      const answer = ask(op)
      if (op.op === "claim") {
        for (const run of (answer as Answers["claim"]).runs) ask(freeing(run.id, run.epoch, run.length))
      }
      return answer
    })
  },
  {
    name: "frees the runs of the living",
    breaks: ["S5"],
    make: answering((op, ask) => ask(op.op === "reap" ? { op: "reap", now: op.now + 1e9 } : op))
  },
  {
    name: "frees the runs of nobody",
    breaks: ["S4"],
    make: answering((op, ask) => op.op === "reap" ? { freed: 0 } : ask(op))
  },
  {
    name: "loses the entries of a synced write",
    breaks: ["S3"],
    make: counting((next) =>
      onCommit((op, ask, backend) =>
        ask(op.rows.length > 0 && next() === 4 ? { ...op, rows: [] } : fitted(op, backend))
      )
    )
  },
  {
    name: "loses a whole synced write",
    breaks: ["S3", "S5"],
    make: counting((next) => onCommit((op, ask) => op.rows.length > 0 && next() === 4 ? { ok: true } : ask(op)))
  },
  {
    name: "applies a write twice",
    breaks: ["S3", "S5"],
    make: counting((next) =>
      onCommit((op, ask, backend) => {
        const answer = ask(fitted(op, backend))
        if (op.ended === undefined && op.release === undefined && op.rows.length > 0 && next() === 3) {
          ask(fitted(op, backend))
        }
        return answer
      })
    )
  },
  {
    name: "stores the entries of a write in another order",
    breaks: ["S3"],
    make: onCommit((op, ask) => ask({ ...op, rows: op.rows.toReversed() }))
  },
  {
    name: "stores another outcome than it was given",
    breaks: ["S3"],
    make: onCommit((op, ask) => ask({ ...op, rows: op.rows.map((row) => row.replace(`"output":"A"`, `"output":"B"`)) }))
  },
  {
    name: "applies only the first of a group of operations",
    breaks: ["S3", "S4", "S5"],
    make: (backend) => ({
      ...backend,
      write: ((ops: ReadonlyArray<Op>) =>
        Effect.map(
          backend.write(ops.slice(0, 1)),
          (answers) =>
            ops.map((op, index) =>
              index === 0
                ? answers[0]
                : op.op === "commit"
                ? { ok: true }
                : op.op === "claim"
                ? { runs: [] }
                : { freed: 0 }
            )
        )) as Backend["write"]
    })
  },
  {
    name: "loses a signal that it has accepted",
    breaks: ["S6"],
    make: answering((op, ask) => op.op === "inbox" && op.row.kind === "signal" ? { result: "accepted" } : ask(op))
  },
  {
    name: "delivers a signal twice",
    breaks: ["S6"],
    make: answering((op, ask) => {
      if (op.op === "inbox" && op.row.kind === "signal") ask({ ...op, row: { ...op.row, id: `${op.row.id}-again` } })
      return ask(op)
    })
  },
  {
    name: "does not write down that a run waits for an event",
    breaks: ["S6"],
    shownBy: "events that runs wait for",
    make: onCommit((op, ask) => {
      const { awaits: _, ...rest } = op
      return ask(rest)
    })
  },
  {
    name: "hands out events in another order",
    breaks: ["S6"],
    shownBy: "events that runs wait for",
    make: (backend) => ({
      ...backend,
      awaited: (wait, after, limit) =>
        Effect.map(
          backend.awaited(wait, after, limit),
          (awaited) => ({ ...awaited, events: awaited.events.toReversed() })
        )
    })
  },
  {
    name: "loses an event that it was to keep",
    breaks: ["S6"],
    shownBy: "events that runs wait for",
    make: answering((op, ask) => op.op === "events" ? ask({ ...op, rows: op.rows.slice(0, -1) }) : ask(op))
  },
  {
    name: "lets a timer fire twice",
    breaks: ["S3", "S5", "S6"],
    make: onCommit((op, ask, backend) =>
      ask(fitted({ ...op, rows: op.rows.flatMap((row) => row.includes(`"TimerFired"`) ? [row, row] : [row]) }, backend))
    )
  },
  {
    name: "refuses the answers of those who may give them",
    breaks: ["S16"],
    make: answering((op, ask) => op.op === "answer" ? { result: "unknown", at: op.now() } : ask(op))
  },
  {
    name: "takes an answer to a question that has changed since it was looked at",
    breaks: ["S16"],
    shownBy: "answers",
    make: onAnswer((op, ask, backend) => {
      const asked = Effect.runSync(backend.approvals(op.run, 100)).find(({ key }) => key === op.key)
      return ask(asked === undefined ? op : { ...op, version: asked.version })
    })
  },
  {
    name: "takes an answer and forgets it at the next",
    breaks: ["S16"],
    shownBy: "answers",
    make: onAnswer((op, ask) => ask(op.row === null ? op : { ...op, answers: "[]" }))
  },
  {
    name: "takes answers that come after the deadline",
    breaks: ["S16"],
    shownBy: "answers",
    make: onAnswer((op, ask) => ask({ ...op, before: null }))
  },
  {
    name: "judges the time of an answer by when it was given, and not by its own transaction",
    breaks: ["S16"],
    shownBy: "answers",
    make: onAnswer((op, ask) => {
      const now = op.now()
      return op.before === null
        ? ask(op)
        : { ...(ask({ ...op, now: () => Math.min(now, op.before! - 1) }) as Answers["answer"]), at: now }
    })
  },
  {
    name: "acknowledges an answer and does not tell the run",
    breaks: ["S16", "S3"],
    shownBy: "answers",
    make: onAnswer((op, ask) => ask({ ...op, row: null }))
  },
  {
    name: "tells the run of an answer and leaves the question as it was",
    breaks: ["S16"],
    shownBy: "answers",
    make: onAnswer((op, ask) =>
      op.row === null
        ? ask(op)
        : told(ask({ op: "inbox", row: { ...op.row, run: op.run, at: op.now() } }) as Answers["inbox"], op.now())
    )
  },
  {
    name: "ends a run whose inbox holds what it has not taken",
    breaks: ["S16"],
    // One life in a thousand shows it: hardly anything is on its way when a run ends.
    seed: 5,
    shownBy: "answers",
    make: onCommit((op, ask, backend) =>
      ask(op.ended === undefined ? op : { ...op, consumed: Effect.runSync(backend.inbox(op.run)).map(({ id }) => id) })
    )
  },
  {
    name: "forgets when a run is due",
    breaks: ["S7"],
    make: onCommit((op, ask) => ask(op.release === undefined ? op : { ...op, release: { ...op.release, dueAt: null } }))
  },
  {
    name: "loses messages to other runs",
    breaks: ["S3"],
    make: onCommit((op, ask) => ask({ ...op, outbox: [] }))
  },
  {
    name: "does not tell a parent that its child has ended",
    breaks: ["S11"],
    make: answering((op, ask) => ask(op.op === "start" ? { ...op, listener: null } : op))
  },
  {
    name: "acknowledges a start and does not store it",
    breaks: ["S3", "S5"],
    make: answering((op, ask) => {
      if (op.op !== "start") return ask(op)
      const { blobs: _, listener: __, op: ___, rows, run, subscriptions: ____ } = op
      return {
        started: true,
        run: {
          ...run,
          length: rows.length,
          epoch: run.owner === null ? 0 : 1,
          takeovers: 0,
          updatedAt: run.createdAt,
          reason: null,
          waits: null
        }
      }
    })
  },
  {
    name: "says of a new run that it was there already",
    breaks: ["S3"],
    make: answering((op, ask) => op.op === "start" ? { ...(ask(op) as Answers["start"]), started: false } : ask(op))
  },
  {
    name: "says of a run that waits that it has ended",
    breaks: ["S5", "S7", "S14"],
    make: onCommit((op, ask) =>
      ask(
        op.status?.status === "suspended" ? { ...op, status: { status: "completed", reason: null, waits: null } } : op
      )
    )
  },
  {
    name: "does not write down that a run waits",
    breaks: ["S4", "S7"],
    make: onCommit((op, ask) => {
      if (op.status?.status !== "suspended") return ask(op)
      const { status: _, ...rest } = op
      return ask(rest)
    })
  },
  {
    name: "cannot be written any more",
    breaks: ["S4", "S7"],
    make: counting((next) => (backend) => ({
      ...backend,
      write: (ops) =>
        next() > 12
          ? Effect.fail(new StorageFailed({ operation: "write", problem: "never again" }))
          : backend.write(ops)
    }))
  },
  {
    name: "reads a journal without its last entry",
    breaks: ["S4", "S5", "S9"],
    make: (backend) => ({
      ...backend,
      entries: (run, from, limit) =>
        Effect.map(backend.entries(run, from, limit), (rows) => rows.length > 3 ? rows.slice(0, -1) : rows)
    })
  },
  {
    name: "reads a damaged entry",
    breaks: ["S14"],
    make: (backend) => ({
      ...backend,
      entries: (run, from, limit) =>
        Effect.map(
          backend.entries(run, from, limit),
          (rows) => rows.map((row, index) => index === 2 ? row.slice(0, -3) : row)
        )
    })
  },
  {
    name: "does not store what a step keeps",
    breaks: ["S3"],
    make: onCommit((op, ask) => ask({ ...op, blobs: op.blobs.filter(({ data }) => data !== "how it was done") }))
  },
  {
    name: "stores something else than a step keeps",
    breaks: ["S3"],
    make: onCommit((op, ask) => ask({ ...op, blobs: op.blobs.map(({ data, hash }) => ({ hash, data: `${data}?` })) }))
  },
  {
    name: "loses large values",
    breaks: ["S14"],
    make: (backend) => ({ ...backend, blob: () => Effect.succeed(null) })
  },
  {
    name: "forgets what a body has completed itself, so that it goes on with another outcome",
    breaks: ["S9"],
    shownBy: "drawn numbers",
    make: onRead((entry) =>
      entry["_tag"] === "DeferredCompleted"
        ? { _tag: "Note", seq: entry["seq"], at: entry["at"], kind: "forgotten", text: "" }
        : entry
    )
  },
  {
    name: "makes runs younger than they are, so that they live too long",
    breaks: ["S12"],
    shownBy: "limits on steps and time",
    make: answering((op, ask) => {
      const younger = (run: RunRow): RunRow => ({ ...run, createdAt: run.createdAt + 5_000 })
      const answer = ask(op)
      if (op.op === "start") return { ...(answer as Answers["start"]), run: younger((answer as Answers["start"]).run) }
      return op.op === "claim" ? { runs: (answer as Answers["claim"]).runs.map(younger) } : answer
    })
  },
  {
    name: "forgets how long steps took, so that runs work too long",
    breaks: ["S12"],
    shownBy: "limits on work",
    make: onRead((entry) => entry["_tag"] === "StepRequested" ? { ...entry, at: 4_102_444_800_000 } : entry)
  },
  {
    name: "stops a child with the first that leaves it, whoever waits for it",
    breaks: ["S8"],
    shownBy: "families",
    make: answering((op, ask) =>
      op.op === "leave"
        ? { stopped: (ask({ op: "inbox", row: op.row }) as Answers["inbox"]).result === "accepted" }
        : ask(op)
    )
  },
  {
    name: "lets a child go on that nobody wants any more",
    breaks: ["S8"],
    shownBy: "families",
    make: answering((op, ask) => op.op === "leave" ? { stopped: false } : ask(op))
  },
  {
    name: "lets the children of steps go on when their parent is told to stop",
    breaks: ["S3", "S8"],
    shownBy: "families",
    make: onCommit((op, ask) => {
      const { leaves: _, ...rest } = op
      return ask(rest)
    })
  },
  {
    name: "has an engine that stops what it has asked for instead of leaving it",
    breaks: ["S8"],
    shownBy: "families",
    make: answering((op, ask) => ask(op.op === "commit" ? { ...op, outbox: op.outbox.map(ordered) } : op))
  },
  {
    name: "loses what a run that is told to stop leaves",
    breaks: ["S8", "S16"],
    shownBy: "families",
    make: answering((op, ask) => ask(op.op === "commit" ? leavingNothing(op) : op))
  },
  {
    name: "gives contracts more steps than they have",
    breaks: ["S12"],
    shownBy: "limits of a contract",
    make: definedAs((row) => ({ ...row, document: row.document?.replace(`"maxSteps":5`, `"maxSteps":6`) ?? null }))
  },
  {
    name: "writes what a secret says in the place of its name",
    breaks: ["S15"],
    shownBy: "secrets",
    make: answering((op, ask) => ask(op.op === "publish" ? { ...op, rows: op.rows.map(tellingSecrets) } : op))
  }
]
