import { SqliteBackend } from "@fermata/host-node"
import { TestHost } from "@fermata/testing/TestHost"
import * as WorkflowConformance from "@fermata/testing/WorkflowConformance"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const sqlite = Layer.unwrap(Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const backend = yield* SqliteBackend.make({ file: join(folder, "fermata.db"), synchronous: "NORMAL" })
  return TestHost.layerOf(backend)
}))

WorkflowConformance.suite("Fermata on SQLite", sqlite, { strict: true })
