/**
 * Puts one fault into the engine or the server of a process, by `--import` before its program: to see that a soak sees
 * it. `SOAK_FAULT` names it.
 */
import { registerHooks } from "node:module"

/** What each fault puts in the place of what, in which source. */
const faults: Readonly<
  Record<string, { readonly file: string; readonly changes: ReadonlyArray<readonly [string, string]> }>
> = {
  "a tenant has one run more than its quota": {
    file: "packages/host-node/src/internal/TenantSql.ts",
    changes: [["\"used\") < full", "\"used\") <= full"]]
  },
  "a signal that the run has taken is accepted again": {
    file: "packages/engine/src/internal/RunMessages.ts",
    changes: [["if (rows.some(holds)) return", "if (false) return"], ["unless: { from: row.length, holds }", ""]]
  },
  "a question is granted by one yes too few": {
    file: "packages/core/src/ApprovalRule.ts",
    changes: [["if (votes.length >= question.quorum)", "if (votes.length + 1 >= question.quorum)"]]
  },
  "a stream leaves out an entry where it goes on": {
    file: "packages/server/src/internal/RunStream.ts",
    changes: [["yield* page(store, id, seq)", "yield* page(store, id, seq > 2 ? seq + 1 : seq)"]]
  }
}

const name = process.env["SOAK_FAULT"]
if (name !== undefined) {
  const fault = faults[name]
  if (fault === undefined) throw new Error(`There is no fault "${name}"; there are: ${Object.keys(faults).join("; ")}`)
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      if (!url.endsWith(fault.file)) return loaded
      let source = typeof loaded.source === "string"
        ? loaded.source
        : new TextDecoder().decode(loaded.source as Uint8Array)
      for (const [from, to] of fault.changes) {
        if (!source.includes(from)) throw new Error(`${fault.file} has no ${from}: the fault has to follow it`)
        source = source.replace(from, to)
      }
      return { ...loaded, source }
    }
  })
}
