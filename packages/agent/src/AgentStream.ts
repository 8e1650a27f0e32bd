/**
 * One typed stream of a run of an agent, over attempts, processes and restarts:
 * what its journal says, and what the model is saying meanwhile. Reading and
 * stopping have nothing to do with each other: who stops reading stops nothing,
 * and a run that is cancelled is told like any other.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as ExitJson from "@fermata/core/ExitJson"
import type { ExitJson as EntryExit, JournalEntry } from "@fermata/core/JournalEntry"
import * as Position from "@fermata/core/Position"
import { isFinal } from "@fermata/core/RunStatus"
import * as StoredJson from "@fermata/core/StoredJson"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import type { StorageFailed } from "@fermata/engine/Backend"
import { type Chunk, Chunks } from "@fermata/engine/Chunks"
import { type FindError, type Followed, Runs } from "@fermata/engine/Runs"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { AgentEvent } from "./AgentEvent.ts"
import { CallsOfRun } from "./internal/CallsOfRun.ts"
import * as McpCalls from "./internal/mcp/McpCalls.ts"
import * as ModelStep from "./internal/ModelStep.ts"
import * as ToolStep from "./internal/ToolStep.ts"
import * as ToolOutput from "./ToolOutput.ts"

/** Where a stream begins. */
export interface Options {
  /** Behind this place of an event, by the id of its run; from the beginning where there is none. */
  readonly from?: Readonly<Record<string, string>>
  /** The runs of subagents too, as they begin. Default true. */
  readonly children?: boolean
}

type Failure = FindError | EntryCorrupt | StorageFailed | Position.PositionMalformed

/**
 * What happens in a run and below it, from a place on, until all of it is over.
 * The events of each run come in their order, those of several runs as they
 * happen, and each of them once, wherever a reader has stopped and gone on.
 */
export const of = (run: string, options: Options = {}): Stream.Stream<AgentEvent, Failure, Runs | Chunks> =>
  Stream.callback<AgentEvent, Failure, Runs | Chunks>((queue) =>
    Effect.gen(function*() {
      const below = yield* FiberSet.make<void, Failure>()
      const tell = (
        reading: Stream.Stream<AgentEvent | Below, Failure, Runs | Chunks>,
        depth: number
      ): Effect.Effect<void, Failure, Runs | Chunks> => {
        const above = { isOver: false }
        return Stream.runForEach(reading, (told) =>
          told.type === "below"
            ? options.children === false
              ? Effect.void
              : FiberSet.run(below, tell(child(told.child, options, depth + 1, above), depth + 1))
            : Queue.offer(queue, told)).pipe(
            Effect.ensuring(Effect.sync(() => {
              above.isOver = true
            }))
          )
      }
      const all = Effect.andThen(tell(at(run, options, 0), 0), FiberSet.awaitEmpty(below))
      yield* Effect.raceFirst(all, FiberSet.join(below))
      yield* Queue.end(queue)
    }), { bufferSize: 16, strategy: "suspend" })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A run below has begun, whether or not that is told. */
interface Below {
  readonly type: "below"
  readonly child: string
}

/** A child is recorded a moment after its parent has asked for it, and of a parent that is over it may never be. */
const child = (
  run: string,
  options: Options,
  depth: number,
  above: { readonly isOver: boolean }
): Stream.Stream<AgentEvent | Below, Failure, Runs | Chunks> =>
  Stream.unwrap(Effect.gen(function*() {
    const runs = yield* Runs
    while (true) {
      const { isOver } = above
      const found = yield* Effect.option(Effect.catchTag(runs.find(run), ["RunNotFound"], () => Effect.fail("none")))
      if (found._tag === "Some") return at(run, options, depth)
      if (isOver) return Stream.empty
      yield* Effect.sleep(Duration.millis(lookMs))
    }
  }))

const lookMs = 100

const at = (
  run: string,
  options: Options,
  depth: number
): Stream.Stream<AgentEvent | Below, Failure, Runs | Chunks> =>
  Stream.unwrap(Effect.gen(function*() {
    const runs = yield* Runs
    const chunks = yield* Chunks
    const { id, workflow } = yield* runs.find(run)
    const from = options.from?.[id]
    const cursor = from === undefined ? undefined : Position.parseCursor(from)
    if (cursor !== undefined && Result.isFailure(cursor)) return yield* cursor.failure
    const after = cursor === undefined ? undefined : cursor.success
    const reader = new Reader(id, workflow, depth, after)
    const journal = Stream.map(runs.follow(id), (followed) => ({ _tag: "Journal", followed }) as const)
    const said = Stream.map(chunks.follow(id, after ?? Position.start), (chunk) => ({ _tag: "Chunk", chunk }) as const)
    return Stream.merge(journal, said, { haltStrategy: "left" }).pipe(
      Stream.map((each) => each._tag === "Journal" ? reader.followed(each.followed) : reader.chunk(each.chunk)),
      Stream.flattenIterable
    )
  }))

/** What is known of a run while it is read. */
class Reader {
  private readonly run: string
  private readonly agent: string
  private readonly depth: number
  /** The last entry that the reader had seen before. */
  private readonly seen: number
  private cursor: Position.Cursor
  /** The last entry that was told of. */
  private last = -1
  /** The steps under way, by the entries that requested them. */
  private readonly open = new Map<number, {
    /** Of the step that began the call, for one that goes on with it. */
    readonly key: string
    readonly tool: string
    readonly attempt: number
    /** The id that the model gave the call; none of the step of the model. */
    readonly call: string
  }>()
  private readonly calls = new CallsOfRun()
  /** The entry that requested a step last, by its key. */
  private readonly latest = new Map<string, number>()
  /** Entries whose steps have said something, or have said that it is void: a place does not tell which. */
  private readonly spoke = new Set<number>()
  /** What was said before its entry was told of. */
  private early: Array<Chunk> = []
  /** The workflows of runs below. */
  private readonly agents = new Map<string, string>()
  private usage: AgentMessage.Usage = AgentMessage.noUsage
  private status = ""
  private isOver = false

  constructor(run: string, agent: string, depth: number, after: Position.Cursor | undefined) {
    this.run = run
    this.agent = agent
    this.depth = depth
    this.cursor = after ?? []
    this.seen = after?.at(-1)?.seq ?? -1
    // Of a step that was speaking something was heard already.
    for (const { chunk, seq } of this.cursor) if (chunk !== undefined) this.spoke.add(seq)
  }

  followed({ entries, view }: Followed): ReadonlyArray<AgentEvent | Below> {
    const events = entries.flatMap((entry): ReadonlyArray<AgentEvent | Below> => {
      this.last = entry.seq
      // The place of an event is the one behind it.
      if (entry.seq > this.seen) {
        this.cursor = Position.advance(this.cursor, { seq: entry.seq }, (seq) => this.open.has(seq))
      }
      const told = this.entry(entry)
      const below: ReadonlyArray<Below> = entry._tag === "ChildStarted" ? [{ type: "below", child: entry.child }] : []
      // Which steps still speak is known when all that was seen has been read again.
      if (entry.seq < this.seen) return below
      return [...entry.seq > this.seen ? told : [], ...below, ...this.due()]
    })
    if (view.status === this.status) return events
    this.status = view.status
    this.isOver = isFinal(view.status)
    const told = isFinal(view.status) || view.status === "suspended" || view.status === "running"
    return told
      ? [
        ...events,
        this.event({
          type: "status",
          status: view.status,
          ...(view.reason === undefined ? {} : { reason: view.reason })
        })
      ]
      : events
  }

  chunk(chunk: Chunk): ReadonlyArray<AgentEvent> {
    this.early.push(chunk)
    return this.due()
  }

  /** What was said by steps that have been told of, and are under way: the outcome says all of it again. */
  private due(): ReadonlyArray<AgentEvent> {
    // Behind the end of the run nothing is said any more.
    if (this.isOver) return []
    const due = this.early.filter(({ position: { seq } }) => seq <= this.last)
    if (due.length === 0) return []
    this.early = this.early.filter(({ position: { seq } }) => seq > this.last)
    return due.flatMap(({ cut, position, value }): ReadonlyArray<AgentEvent> => {
      const step = this.open.get(position.seq)
      if (step === undefined || cut !== undefined) return []
      const hadSpoken = this.spoke.has(position.seq)
      this.cursor = Position.advance(this.cursor, position, (seq) => this.open.has(seq))
      this.spoke.add(position.seq)
      if (field(value, "type") === McpCalls.begunType) return []
      const heard = McpCalls.heardOf(value)
      if (heard !== undefined) {
        return [this.event({ type: "tool-progress", step: step.key, tool: step.tool, call: step.call, ...heard })]
      }
      const written = ToolOutput.decode(value)
      if (Option.isSome(written)) {
        const { stream, text } = written.value
        return [this.event({ type: "tool-output", step: step.key, tool: step.tool, call: step.call, stream, text })]
      }
      if (field(value, "type") === ModelStep.restart) {
        return hadSpoken ? [this.event({ type: "restart", step: step.key, attempt: step.attempt })] : []
      }
      return [this.event({ type: "part", step: step.key, part: value })]
    })
  }

  private entry(entry: JournalEntry): ReadonlyArray<AgentEvent> {
    switch (entry._tag) {
      case "RunRequested":
        return [this.event({ type: "start", input: field(entry.payload, "input") })]
      case "StepRequested": {
        if (entry.name !== ModelStep.stepName && entry.label !== "tool") return []
        const before = this.latest.get(entry.key)
        this.latest.set(entry.key, entry.seq)
        const on = field(field(entry.input, "on"), "step")
        const key = typeof on === "string" ? on : entry.key
        const told = field(entry.input, "call")
        const call = typeof told === "string" ? told : ""
        this.open.set(entry.seq, { key, tool: entry.name, attempt: entry.attempt, call })
        if (before !== undefined) this.open.delete(before)
        if (entry.name === ModelStep.stepName) {
          if (before !== undefined) {
            return this.spoke.has(before)
              ? [this.event({ type: "restart", step: entry.key, attempt: entry.attempt })]
              : []
          }
          const calls = this.calls.rest()
          return calls.length === 0 ? [] : [this.event({ type: "tool-rest", calls })]
        }
        return before === undefined && on === null
          ? [this.event({
            type: "tool-call",
            step: entry.key,
            tool: entry.name,
            call,
            params: field(entry.input, "params")
          })]
          : []
      }
      case "StepCompleted":
        return this.completed(entry.key, entry.output)
      case "ApprovalRequested": {
        const args = StoredJson.read(entry.args) ?? null
        return [this.event({
          type: "approval",
          approval: `${this.run}/${entry.key}`,
          ...callOf(this.calls.question(entry.key, nameOf(entry.key), args)),
          prompt: entry.prompt,
          args
        })]
      }
      case "ApprovalAnswered":
        return [this.event({
          type: "approval-answered",
          approval: `${this.run}/${entry.key}`,
          ...callOf(this.calls.decided(entry.key, entry.decision !== "approve" && entry.open !== true)),
          decision: entry.decision,
          by: entry.by,
          ...(entry.open === true ? { open: true } : {})
        })]
      case "ChildStarted":
        this.agents.set(entry.child, entry.workflow)
        return [this.event({
          type: "subagent",
          child: entry.child,
          name: entry.workflow,
          ...callOf(this.calls.child(entry.child, entry.workflow, field(entry.payload, "input")))
        })]
      case "ChildFinished":
        return [this.event({
          type: "subagent-result",
          child: entry.child,
          name: this.agents.get(entry.child) ?? "",
          ...callOf(this.calls.childEnded(entry.child)),
          ...(entry.exit._tag === "Success"
            ? { isFailure: false, result: field(entry.exit.value, "output") }
            : { isFailure: true, result: problemOf(entry.exit) })
        })]
      case "StateChanged":
        return [this.event({
          type: "state",
          name: entry.name,
          revision: entry.revision,
          patch: entry.patch.map(StoredJson.read)
        })]
      default:
        return []
    }
  }

  private completed(key: string, output: unknown): ReadonlyArray<AgentEvent> {
    const seq = this.latest.get(key)
    const step = seq === undefined ? undefined : this.open.get(seq)
    if (seq === undefined || step === undefined) return []
    this.open.delete(seq)
    if (step.tool === ModelStep.stepName) {
      const answer = decodeAnswer(StoredJson.read(output))
      if (Exit.isFailure(answer)) return []
      this.calls.answered(answer.value)
      this.usage = AgentMessage.addUsage(this.usage, answer.value.usage)
      return [this.event({ type: "answer", step: key, answer: answer.value, usage: this.usage })]
    }
    const outcome = decodeOutcome(StoredJson.read(output))
    // One that asks something goes on in another step.
    if (Exit.isFailure(outcome) || outcome.value.open !== undefined) return []
    this.calls.settle(step.call)
    return [this.event({ type: "tool-result", step: step.key, tool: step.tool, call: step.call, ...outcome.value })]
  }

  private event<E extends Bare>(event: E): Extract<AgentEvent, { readonly type: E["type"] }> {
    const { agent, cursor, depth, run } = this
    return { run, agent, depth, at: Position.printCursor(cursor), ...event } as never
  }
}

type Bare = AgentEvent extends infer E ? E extends AgentEvent ? Omit<E, "run" | "agent" | "depth" | "at"> : never
  : never

const decodeAnswer = Schema.decodeUnknownExit(AgentMessage.Answer)
const decodeOutcome = Schema.decodeUnknownExit(ToolStep.Outcome)

const callOf = (call: string | undefined) => call === undefined ? {} : { call }

/** What a key is of: of `Write~2` it is `Write`. */
const nameOf = (key: string): string => key.replace(/~\d+$/, "")

const problemOf = (exit: EntryExit): string => {
  const decoded = ExitJson.fromJson(exit, true)
  if (Exit.isSuccess(decoded)) return ""
  const problem: unknown = Cause.squash(decoded.cause)
  const told = field(problem, "problem") ?? field(problem, "message")
  return typeof told === "string" ? told : StoredJson.show(problem)
}

const field = (value: unknown, name: string): unknown => {
  const read = StoredJson.read(value)
  return typeof read === "object" && read !== null ? (read as Readonly<Record<string, unknown>>)[name] ?? null : null
}
