/**
 * The contracts of a store as this process knows them: decoded once, and the
 * newest of each at hand for every event.
 */
import * as EventName from "@fermata/core/EventName"
import * as StoredJson from "@fermata/core/StoredJson"
import { newestFirst } from "@fermata/core/VersionOrder"
import type { Backend, DefinitionRow, StorageFailed } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Contract from "./Contract.ts"
import { awaited } from "./ContractProgram.ts"
import { standardShapes } from "./StandardShapes.ts"
import type { StepShapes } from "./StepShape.ts"
import { foreignKinds } from "./StepTree.ts"

/** A contract in the store. `hash` is SHA-256 in hex of its canonical document. */
export interface Stored {
  readonly id: string
  readonly version: string
  readonly title: string
  readonly hash: string
  /** ms since the epoch. */
  readonly at: number
  readonly contract: Contract.Contract
}

/** A contract in the store that this build cannot read. */
export interface Unreadable extends Pick<Stored, "id" | "version" | "hash"> {
  /** The kinds of its steps that are not here; where there are none, the document itself is not as it must be. */
  readonly kinds: ReadonlyArray<string>
}

/** What a contract says beside its steps, with its hash and when it was added (ms since the epoch). */
export interface Head extends Readonly<Schema.Schema.Type<typeof Contract.Head>>, Pick<Stored, "hash" | "at"> {}

/** The contracts of a store, decoded once. */
export interface ContractRegistry {
  /** Every version of every contract, by id, the newest version first. */
  readonly all: Effect.Effect<ReadonlyArray<Stored>, StorageFailed>
  /** The newest version of each. */
  readonly newest: Effect.Effect<ReadonlyArray<Stored>, StorageFailed>
  /** The contract with this hash, if the store has one that this build can read. */
  readonly byHash: (hash: string) => Effect.Effect<Stored | undefined, StorageFailed>
  /** Every contract that was read so far, by its hash; undefined for one that this build cannot read. Only ever grows. */
  readonly decoded: ReadonlyMap<string, Stored | undefined>
  /** Contracts that this build cannot read. */
  readonly unreadable: Effect.Effect<ReadonlyArray<Unreadable>, StorageFailed>
  /** Reads anew what others may have added. */
  readonly refresh: Effect.Effect<void, StorageFailed>
  /** Forgets what was read, because this process has added to it. */
  readonly changed: () => void
  /** Whether some contract, as last read, listens to this event of the engine; to any of them when no name is given. */
  readonly listensTo: (name?: string) => boolean
}

/** Reads the contracts of this store, and again what was added since. */
export const make = (backend: Backend, shapes: StepShapes = standardShapes): ContractRegistry => {
  const decoded = new Map<string, Stored | undefined>()
  let seen: number | undefined
  let all: ReadonlyArray<Stored> = []
  let newest: ReadonlyArray<Stored> = []
  let unreadable: ReadonlyArray<Unreadable> = []
  let patterns: ReadonlySet<string> = new Set()

  const read = Effect.fnUntraced(function*(row: DefinitionRow) {
    // Documents of other kinds are the matter of those who brought them.
    if (row.kind !== "contract" || row.document === null) return undefined
    if (decoded.has(row.hash)) return decoded.get(row.hash)
    const contract = Contract.decodeText(row.document, shapes)
    // Kinds that are not here may be elsewhere, as tasks may.
    if (Exit.isFailure(contract) && foreignKindsOf(row.document, shapes).length === 0) {
      yield* Effect.logError(
        `contract "${row.name}" ${row.version} (${row.hash}) cannot be read by this build`,
        contract.cause
      )
    }
    const stored = Exit.isFailure(contract) ? undefined : storedOf(contract.value, row.hash, row.at)
    decoded.set(row.hash, stored)
    return stored
  })

  const refresh = Effect.gen(function*() {
    const version = yield* backend.version
    if (version === seen) return
    const rows = yield* backend.definitions
    const found = yield* Effect.forEach(rows, read)
    unreadable = rows
      .filter((row, index) => row.kind === "contract" && found[index] === undefined)
      .map(({ document, hash, name, version }) => ({
        id: name,
        version,
        hash,
        kinds: foreignKindsOf(document ?? "", shapes)
      }))
    all = byIdThenNewest(found.filter((stored) => stored !== undefined))
    newest = all.filter((stored, index) => all[index - 1]?.id !== stored.id)
    patterns = new Set([
      ...newest.flatMap(({ contract }) =>
        contract.triggers.flatMap((trigger) => trigger.type === "event" ? [trigger.event] : [])
      ),
      ...all.flatMap(({ contract }) => awaited(contract, shapes))
    ].filter(EventName.isReserved))
    seen = version
  })

  return {
    all: Effect.map(refresh, () => all),
    newest: Effect.map(refresh, () => newest),
    byHash: Effect.fnUntraced(function*(hash) {
      if (decoded.has(hash)) return decoded.get(hash)
      const row = yield* backend.definitionByHash(hash)
      return row === null ? undefined : yield* read(row)
    }),
    decoded,
    unreadable: Effect.map(refresh, () => unreadable),
    refresh,
    changed: () => {
      seen = undefined
    },
    listensTo: (name) =>
      name === undefined ? patterns.size > 0 : [...patterns].some((pattern) => EventName.matches(pattern, name))
  }
}

/** Why a contract cannot be read, as the rest of "here is". */
export const lackOf = ({ kinds }: Pick<Unreadable, "kinds">): string =>
  kinds.length === 0
    ? "a document that this build cannot read"
    : `no kind of steps ${kinds.map((kind) => StoredJson.quote(kind)).join(" and ")}`

/** What every contract in the store says, whatever kinds its steps are of: by id, the newest version first. What is no contract is left out. */
export const headsOf = (definitions: ReadonlyArray<DefinitionRow>): ReadonlyArray<Head> =>
  byIdThenNewest(
    definitions.filter(({ kind }) => kind === "contract").flatMap(({ at, document, hash }) =>
      Option.toArray(decodeHead(document)).map((head): Head => Object.assign({ hash, at }, head))
    )
  )

/** A contract with what the store keeps beside it. */
export const storedOf = (contract: Contract.Contract, hash: string, at: number): Stored => ({
  id: contract.id,
  version: contract.version,
  title: contract.title,
  hash,
  at,
  contract
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const foreignKindsOf = (document: string, shapes: StepShapes): ReadonlyArray<string> =>
  foreignKinds(Option.getOrUndefined(decodeJson(document)), shapes)

const decodeHead = Schema.decodeUnknownOption(Schema.fromJsonString(Contract.Head))

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const byIdThenNewest = <A extends Pick<Stored, "at" | "id" | "version">>(stored: ReadonlyArray<A>): ReadonlyArray<A> =>
  [...new Set(stored.map(({ id }) => id))].sort().flatMap((id) =>
    newestFirst(
      stored.filter((one) => one.id === id).sort((a, b) => b.at - a.at),
      ({ version }) => version
    )
  )
