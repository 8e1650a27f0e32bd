/** What a database of this machine knows. It is opened for reading alone, and none is made. */
import * as Contract from "@fermata/contracts/Contract"
import { Artifact } from "@fermata/core/Artifact"
import type { RunSummary } from "@fermata/core/RunSummary"
import { StandingOffer } from "@fermata/core/StandingRule"
import * as Tenant from "@fermata/core/Tenant"
import { readWaits } from "@fermata/core/Wait"
import type { ApprovalRow } from "@fermata/engine/Backend"
import { Store } from "@fermata/engine/Store"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { eventsIn, type Known, type KnownQuestion, type KnownRun, most } from "./Known.ts"

/** The database in this file, in a tenant where one is given; nothing where there is none. */
export const open = Effect.fnUntraced(function*(db: string, tenant: string | undefined) {
  if (!existsSync(db)) return undefined
  const { backend } = Context.get(yield* Layer.build(NodeHost.layerStore({ db, readOnly: "untouched" })), Store)

  const rowOf = (run: string) =>
    Effect.flatMap(
      backend.runIds(Tenant.qualify(tenant, run), 2),
      ([id, other]) => id === undefined || other !== undefined ? Effect.succeed(null) : backend.run(id)
    )
  const entriesOf = (run: string) =>
    Effect.flatMap(
      rowOf(run),
      (row) => row === null ? Effect.succeed<ReadonlyArray<string>>([]) : backend.entries(row.id, 0, mostEntries)
    )

  const known: Known = {
    runs: (status) =>
      Effect.map(
        backend.runs({ status, tenant, limit: most }),
        (rows) =>
          rows.map(({ id, reason, status, version, workflow }): KnownRun => ({
            id,
            workflow,
            version,
            status: status as RunSummary["status"],
            ...(reason === null ? {} : { reason: reason as NonNullable<RunSummary["reason"]> })
          }))
      ),
    workflows: backend.definitions,
    questions: (run) =>
      Effect.map(
        backend.approvals(run === undefined ? null : Tenant.qualify(tenant, run), most, tenant),
        (rows) => rows.map(question)
      ),
    rules: Effect.map(backend.standing({}), (rules) =>
      tenant === undefined
        ? rules
        : rules.flatMap((rule) =>
          Tenant.of(rule.runId) === tenant ? [{ ...rule, agent: Tenant.local(rule.agent) }] : []
        )),
    tokens: backend.accessTokens(most, undefined, tenant),
    waits: (run) => Effect.map(rowOf(run), (row) => Option.getOrElse(readWaits(row?.waits ?? null), () => [])),
    steps: (run) =>
      Effect.map(
        entriesOf(run),
        (lines) => lines.flatMap((line) => Option.toArray(decodeStep(line))).map(({ key }) => key)
      ),
    artifacts: (run) =>
      Effect.map(
        entriesOf(run),
        (lines) =>
          lines.flatMap((line) => Option.toArray(decodeKeeping(line))).flatMap(({ artifacts, key }) =>
            artifacts.map((artifact) => ({ ...artifact, step: key }))
          )
      ),
    triggers: Effect.map(
      backend.definitions,
      (definitions) =>
        definitions.flatMap(({ document }) => Option.toArray(decodeContract(document))).flatMap(({ id, triggers }) =>
          triggers.flatMap((trigger) => trigger.type === "event" ? [{ contract: id, event: trigger.event }] : [])
        )
    ),
    awaited: Effect.map(
      backend.runs({ status: ["suspended"], reason: ["signal"], tenant, limit: most }),
      (rows) => rows.flatMap(({ waits }) => eventsIn(Option.getOrElse(readWaits(waits), () => [])))
    )
  }
  return known
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostEntries = 10_000

/** A question of a row that cannot be read offers nothing but itself. */
const question = ({ approvers, key, prompt, question, run }: ApprovalRow): KnownQuestion => ({
  runId: run,
  key,
  prompt,
  approvers: Option.getOrElse(decodeTexts(approvers), () => []),
  ...Option.getOrElse(decodeChoices(question), () => ({ choices: [] })),
  ...Option.getOrElse(decodeOffer(question), () => ({}))
})

const decodeTexts = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.String)))
const decodeChoices = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ choices: Schema.Array(Schema.String) }))
)
const decodeOffer = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ standing: StandingOffer })))
const decodeStep = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ _tag: Schema.tag("StepRequested"), key: Schema.String }))
)
const decodeKeeping = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ key: Schema.String, artifacts: Schema.Array(Artifact) }))
)
const decodeContract = Schema.decodeUnknownOption(Schema.fromJsonString(Contract.Head))
