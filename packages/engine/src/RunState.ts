/**
 * The named documents of a run: JSON with revisions, changed by JSON Patch
 * (RFC 6902), in the journal like everything else, so that people can watch
 * them and replay rebuilds them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { applyPatch, createPatch, type Operation } from "rfc6902"
import { Engine } from "./Engine.ts"
import { CurrentRun, type Place } from "./internal/ExecutorTypes.ts"
import { jsonCodec } from "./internal/JsonCodec.ts"

/** The document has another revision than the change was made for. */
export class RevisionConflict extends Schema.TaggedError<RevisionConflict>()("RevisionConflict", {
  name: Schema.String,
  expected: Schema.Int,
  actual: Schema.Int
}) {
  override get message(): string {
    return `State "${this.name}" is at revision ${this.actual}, not ${this.expected}`
  }
}

/** A patch that does not apply, or whose result the schema refuses. The document stays as it was. */
export class PatchRefused extends Schema.TaggedError<PatchRefused>()("PatchRefused", {
  name: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `The patch of state "${this.name}" is refused: ${this.problem}`
  }
}

export interface RunState<A extends Schema.Top> {
  readonly name: string
  readonly schema: A
  readonly initial: A["Type"]
}

export interface Snapshot<A> {
  /** 0 for the initial value; each change adds 1. */
  readonly revision: number
  readonly value: A
}

/** Defines a document by its name, its schema and the value that it starts with. */
export const make = <A extends Schema.Top>(
  name: string,
  options: { readonly schema: A; readonly initial: A["Type"] }
): RunState<A> => ({ name, ...options })

/** The document as it is now. */
export const get = <A extends Schema.Top>(self: RunState<A>): Effect.Effect<Snapshot<A["Type"]>, never, Engine | WorkflowInstance> =>
  Effect.flatMap(placeOf(self.name), (place) => {
    const { revision, value } = read(place, self)
    return Effect.map(decode(self, value), (value) => ({ revision, value }))
  })

/** Replaces the document by what `change` makes of it. Equal values make no revision. */
export const update = <A extends Schema.Top>(
  self: RunState<A>,
  change: (value: A["Type"]) => A["Type"]
): Effect.Effect<Snapshot<A["Type"]>, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const place = yield* placeOf(self.name)
    const before = read(place, self)
    const after = encode(self, change(yield* decode(self, before.value)))
    const patch = createPatch(before.value, after)
    if (patch.length > 0) write(place, self.name, before, patch, after)
    return yield* get(self)
  })

/** Changes the document by a JSON Patch; with `revision`, only if it is at that revision. */
export const patch = <A extends Schema.Top>(
  self: RunState<A>,
  operations: ReadonlyArray<Operation>,
  options?: { readonly revision?: number }
): Effect.Effect<Snapshot<A["Type"]>, RevisionConflict | PatchRefused, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const place = yield* placeOf(self.name)
    const before = read(place, self)
    if (options?.revision !== undefined && options.revision !== before.revision) {
      return yield* new RevisionConflict({ name: self.name, expected: options.revision, actual: before.revision })
    }
    const after = structuredClone(before.value)
    const holder = { document: after }
    const failures = applyPatch(holder, operations.map((operation) => rooted(operation))).filter((failure) => failure !== null)
    if (failures.length > 0) return yield* new PatchRefused({ name: self.name, problem: failures[0]!.message })
    const fits = Schema.decodeUnknownExit(jsonCodec(self.schema))(holder.document)
    if (Exit.isFailure(fits)) return yield* new PatchRefused({ name: self.name, problem: String(fits.cause) })
    write(place, self.name, before, operations, holder.document)
    return yield* get(self)
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const placeOf = (name: string): Effect.Effect<Place, never, Engine> =>
  Effect.gen(function*() {
    yield* Engine
    const place = yield* CurrentRun
    if (place !== undefined && place.step === undefined) return place
    return yield* Effect.die(new Error(`State "${name}" is used in the body of a workflow, not in a step or outside a run`))
  })

const read = (place: Place, self: RunState<Schema.Top>) =>
  place.executor.records.documents.get(self.name) ?? { revision: 0, value: encode(self, self.initial) }

const write = (
  place: Place,
  name: string,
  before: Snapshot<unknown>,
  changes: ReadonlyArray<Operation>,
  value: unknown
) => {
  const revision = before.revision + 1
  // The journal holds every document from nothing on, so that it can be read without the code.
  const patch = before.revision === 0 ? [{ op: "add", path: "", value: before.value } as const, ...changes] : changes
  place.executor.command(`state:${name}@${revision}`, `revision ${revision} of state "${name}"`, {
    _tag: "StateChanged",
    name,
    revision,
    patch
  })
  place.executor.records.documents.set(name, { revision, value })
}

const encode = (self: RunState<Schema.Top>, value: unknown): unknown => Schema.encodeUnknownSync(jsonCodec(self.schema))(value)

const decode = <A extends Schema.Top>(self: RunState<A>, value: unknown): Effect.Effect<A["Type"]> =>
  Effect.orDie(Schema.decodeUnknownEffect(jsonCodec(self.schema))(value)) as Effect.Effect<A["Type"]>

const rooted = (operation: Operation): Operation => ({
  ...operation,
  path: `/document${operation.path}`,
  ...("from" in operation ? { from: `/document${operation.from}` } : {})
}) as Operation
