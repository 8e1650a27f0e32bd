/**
 * Runs that should have been taken up, and who could take them up: a part of
 * `fermata doctor`.
 */
import * as Contract from "@fermata/contracts/Contract"
import type { Owner } from "@fermata/core/Owner"
import type { RunRow, StorageFailed } from "@fermata/engine/Backend"
import type { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { CommandFailed } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type * as Config from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import { isServedBy, isWorking, missingIn } from "./ContractNeeds.ts"
import type { Finding } from "./Finding.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import * as Kinds from "./Kinds.ts"
import * as Words from "./Words.ts"

/** A process that works on runs takes up a due run well within this time (ms). */
export const patienceMs = 5_000

/** What is examined, and when (ms since the epoch). */
export interface Place {
  readonly globals: Globals
  readonly store: Store["Service"]
  /** ms since the epoch. */
  readonly now: number
  readonly owners: ReadonlyArray<Owner>
  /** Undefined when it cannot be loaded. */
  readonly config: Config.Loaded | undefined
}

/** One finding for each definition and status that has runs which nobody took up in time. */
export const overdue = (place: Place): Effect.Effect<ReadonlyArray<Finding>, StorageFailed | CommandFailed> =>
  Effect.gen(function*() {
    const { now, store } = place
    const late = (yield* store.backend.due(-1, now - patienceMs, mostRuns)).filter((run) =>
      run.updatedAt + patienceMs < now
    )
    const byDefinition = Map.groupBy(late, (run) => `${Words.definition(run)} ${run.status}`)
    return yield* Effect.forEach(byDefinition.values(), (runs) => findingOf(place, runs))
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostRuns = 10_000

const findingOf = (place: Place, runs: ReadonlyArray<RunRow>): Effect.Effect<Finding, StorageFailed | CommandFailed> =>
  Effect.gen(function*() {
    const { now, owners } = place
    const first = runs[0]!
    const definition = Words.definition(first)
    const serving = yield* servingOf(place, first)
    const workers = owners.filter(isWorking)
    const able = workers.filter(serving.byOwner)
    const isHere = serving.lacksHere.length === 0
    const what = `${Words.count(runs.length, `${first.status} run`)}${
      runs.length === mostRuns ? " or more" : ""
    } of ${definition} ${runs.length === 1 ? "has" : "have"} been due for ${
      Words.duration(now - Math.min(...runs.map((run) => Math.max(run.dueAt!, run.createdAt))))
    }`
    const why = able.length > 0
      ? `the workers that run do not take ${runs.length === 1 ? "it" : "them"} up`
      : isHere
      ? workers.length === 0 ? "no worker is running" : "no worker that runs serves it, and this configuration does"
      : `nobody serves ${definition}: here is ${Words.list(serving.lacksHere)}, and no worker that lives has it`
    return {
      name: first.status === "suspended" ? "overdue timers" : "runs that nobody serves",
      level: "problem",
      message: `${what}; ${why}`,
      commands: isHere && able.length === 0 ? [Commands.workOnWhatIsDue()] : [],
      runs: runs.map(({ id }) => id)
    }
  })

interface Serving {
  /** What this configuration lacks for the run. */
  readonly lacksHere: ReadonlyArray<string>
  readonly byOwner: (owner: Owner) => boolean
}

const servingOf = (place: Place, run: RunRow): Effect.Effect<Serving, StorageFailed | CommandFailed> =>
  Effect.gen(function*() {
    const { config, store } = place
    if (run.kind === "program") {
      const definition = Words.definition(run)
      const isHere = (yield* programsOf(place)).has(definition)
      return {
        lacksHere: isHere ? [] : [`no workflow ${definition} in ${nameOf(config)}`],
        byOwner: (owner: Owner) => owner.serves.programs.includes(definition)
      }
    }
    const kinds = Kinds.of(config?.config ?? {})
    const row = run.definition === null ? null : yield* store.backend.definitionByHash(run.definition)
    const contract = row?.document == null
      ? undefined
      : Option.getOrUndefined(Exit.getSuccess(Contract.decodeText(row.document, kinds)))
    if (contract === undefined) return { lacksHere: ["a document that this build cannot read"], byOwner: () => false }
    return {
      lacksHere: missingIn(contract, config?.config ?? {}).map((need) => `${need} in ${nameOf(config)}`),
      byOwner: (owner: Owner) => isServedBy(contract, owner, kinds)
    }
  })

const nameOf = (config: Config.Loaded | undefined): string =>
  config === undefined
    ? "the configuration, which cannot be loaded"
    : config.file === undefined
    ? "any fermata.config.ts"
    : fileLabel(config.file)

/** The programs of the configuration. Asked only when it matters, since it starts them. */
const programsOf = ({ config, globals }: Place): Effect.Effect<ReadonlySet<string>, CommandFailed> => {
  if (config === undefined || [config.config.workflows, config.config.agents].every((all = []) => all.length === 0)) {
    return Effect.succeed(new Set())
  }
  return Effect.scoped(Effect.gen(function*() {
    const host = yield* Host.open(globals, { command: "doctor", readOnly: "untouched", config })
    yield* host.serve()
    return new Set(host.served())
  }))
}
