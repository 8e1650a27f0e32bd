/** What the routes for contracts do. */
import { Api } from "@fermata/api/Api"
import type { ContractHead } from "@fermata/api/ContractsGroup"
import type { Head } from "@fermata/contracts/ContractRegistry"
import { Contracts } from "@fermata/contracts/Contracts"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `contracts`. */
export const layer = HttpApiBuilder.group(
  Api,
  "contracts",
  Effect.fn(function*(handlers) {
    const contracts = yield* Contracts
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
        const behind = yield* Pages.behind(yield* contracts.heads, after, placeOf)
        const { next, shown } = Pages.of(behind, limit, placeOf)
        return { contracts: shown.map(headOf), ...next }
      }),
      add: Effect.fnUntraced(function*({ payload }) {
        const { at, hash, id, title, version } = yield* contracts.add(payload)
        return { id, version, title, hash, at }
      }),
      check: Effect.fnUntraced(function*({ payload }) {
        const problems = yield* contracts.check(payload)
        return { valid: problems.length === 0, problems }
      }),
      get: Effect.fnUntraced(function*({ params: { contract, version } }) {
        const { document, head } = yield* contracts.document(contract, versionOf(version))
        return { ...headOf(head), document }
      }),
      graph: ({ params: { contract, version } }) => contracts.graph(contract, versionOf(version))
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const versionOf = (version: string): string | undefined => version === "newest" ? undefined : version

const placeOf = ({ id, version }: Pick<Head, "id" | "version">): string => `${id}@${version}`

const headOf = ({ at, description, hash, id, outputSchema, title, triggers, version }: Head): ContractHead => ({
  id,
  version,
  title,
  ...(description === undefined ? {} : { description }),
  hash,
  at,
  triggers,
  ...(outputSchema === undefined ? {} : { outputSchema })
})
