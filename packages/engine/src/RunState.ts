/**
 * The named documents of a run: JSON with revisions, changed by JSON Patch
 * (RFC 6902), in the journal like everything else, so that people can watch
 * them and replay rebuilds them.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import * as Patch from "@fermata/core/Patch"
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { Engine } from "./Engine.ts"
import * as Handover from "./internal/Handover.ts"
import { jsonCodec } from "./internal/JsonCodec.ts"
import { CurrentRun, type Place } from "./internal/run/RunPort.ts"

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

/** A named document of a run: its schema, and the value that it starts with. */
export interface RunState<A extends Schema.Top> {
  readonly name: string
  readonly schema: A
  readonly initial: A["Type"]
}

/** A document at one revision. */
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

/** The document as it is now. What is done to the value changes nothing. */
export const get = <A extends Schema.Top>(
  self: RunState<A>
): Effect.Effect<Snapshot<A["Type"]>, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const { revision, value } = yield* read(yield* placeOf(self.name), self)
    return { revision, value: yield* decode(self, value) }
  })

/**
 * Replaces the document by what `change` makes of it, which may be its argument
 * changed in place. Equal values make no revision. One that cannot be stored is
 * a defect, and changes nothing.
 */
export const update = <A extends Schema.Top>(
  self: RunState<A>,
  change: (value: A["Type"]) => A["Type"]
): Effect.Effect<Snapshot<A["Type"]>, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const place = yield* placeOf(self.name)
    const before = yield* read(place, self)
    const after = yield* encode(place, self, change(yield* decode(self, before.value)))
    const value = yield* decode(self, after)
    const patch = Patch.between(before.value.read(), after.read())
    if (patch.length > 0) write(place, self.name, before, patch, after)
    return { revision: before.revision + (patch.length > 0 ? 1 : 0), value }
  })

/** Changes the document by a JSON Patch (RFC 6902); with `revision`, only if it is at that revision. */
export const patch = <A extends Schema.Top>(
  self: RunState<A>,
  operations: ReadonlyArray<Patch.Operation>,
  options?: { readonly revision?: number }
): Effect.Effect<Snapshot<A["Type"]>, RevisionConflict | PatchRefused, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const place = yield* placeOf(self.name)
    const before = yield* read(place, self)
    if (options?.revision !== undefined && options.revision !== before.revision) {
      return yield* new RevisionConflict({ name: self.name, expected: options.revision, actual: before.revision })
    }
    const refused = (problem: string) => new PatchRefused({ name: self.name, problem })
    const stored = (value: unknown) =>
      Effect.mapError(Effect.fromResult(StoredJson.of(value)), ({ reason }) => refused(reason))
    const own = yield* Effect.forEach(operations, (operation) => ownOperation(operation, stored))
    const applied = yield* Effect.try({
      try: () => Patch.apply(before.value.read(), own),
      catch: (error) => refused(error instanceof Error ? error.message : String(error))
    })
    const after = yield* stored(applied)
    const fits = Handover.guarded(Schema.decodeUnknownExit(jsonCodec(self.schema)), after.read())
    if (Exit.isFailure(fits)) return yield* refused(Cause.pretty(fits.cause).split("\n")[0]!)
    write(place, self.name, before, own, after)
    return { revision: before.revision + 1, value: fits.value as A["Type"] }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const placeOf = (name: string): Effect.Effect<Place, never, Engine> =>
  Effect.gen(function*() {
    yield* Engine
    const place = yield* CurrentRun
    if (place !== undefined && place.step === undefined) return place
    return yield* Effect.die(
      new Error(`State "${name}" is used in the body of a workflow, not in a step or outside a run`)
    )
  })

const read = (place: Place, self: RunState<Schema.Top>): Effect.Effect<Snapshot<StoredJson.StoredJson>> => {
  const document = place.run.acts.document(self.name)
  return document === undefined
    ? Effect.map(encode(place, self, self.initial), (value) => ({ revision: 0, value }))
    : Effect.succeed(document)
}

const write = (
  place: Place,
  name: string,
  before: Snapshot<StoredJson.StoredJson>,
  changes: ReadonlyArray<Patch.Operation>,
  value: StoredJson.StoredJson
) => {
  const revision = before.revision + 1
  // The journal holds every document from nothing on, so that it can be read without the code.
  const patch = before.revision === 0
    ? [{ op: "add", path: "", value: before.value.read() } as const, ...changes]
    : changes
  place.run.acts.record(
    EntryRole.acts.state(name, revision),
    `revision ${revision} of state "${name}"`,
    { _tag: "StateChanged", name, revision, patch },
    undefined,
    // Another patch to the same document is the same change.
    (recorded) =>
      recorded._tag === "StateChanged" &&
      comesTo(before.revision === 0 ? null : before.value.read(), recorded.patch, value)
  )
  place.run.acts.keepDocument(name, { revision, value })
}

/** A copy of an operation, with a value of its own. */
const ownOperation = <E>(
  operation: Patch.Operation,
  stored: (value: unknown) => Effect.Effect<StoredJson.StoredJson, E>
): Effect.Effect<Patch.Operation, E> =>
  Predicate.hasProperty(operation, "value") && operation.value !== undefined
    ? Effect.map(stored(operation.value), (value) => ({ ...operation, value: value.read() }))
    : Effect.succeed({ ...operation })

const comesTo = (before: unknown, patch: ReadonlyArray<unknown>, after: StoredJson.StoredJson): boolean => {
  try {
    return SameJson.same(Patch.apply(before, patch), after.read())
  } catch {
    return false
  }
}

const encode = (place: Place, self: RunState<Schema.Top>, value: unknown): Effect.Effect<StoredJson.StoredJson> =>
  Effect.suspend(() => {
    const what = `new value of state "${self.name}"`
    const encoded = Handover.guarded(Schema.encodeUnknownExit(jsonCodec(self.schema)), value)
    return Exit.isFailure(encoded)
      ? Effect.die(new Error(`The ${what} is refused by its schema: ${Cause.pretty(encoded.cause).split("\n")[0]}`))
      : Effect.orDie(Handover.given(what, encoded.value ?? null, Handover.giver(place.run.row)))
  })

const decode = <A extends Schema.Top>(self: RunState<A>, value: StoredJson.StoredJson): Effect.Effect<A["Type"]> =>
  Effect.suspend(() => Effect.orDie(Schema.decodeUnknownEffect(jsonCodec(self.schema))(value.read()))) as Effect.Effect<
    A["Type"]
  >
