import { SqliteBackend } from "@fermata/host-node"
import * as HostConformance from "@fermata/testing/HostConformance"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

HostConformance.suite(
  "SQLite",
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    return yield* SqliteBackend.make({ file: join(folder, "fermata.db"), synchronous: "NORMAL" })
  })
)
