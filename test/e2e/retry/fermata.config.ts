/** A project whose contract does two tasks, the second of which fails while the world is broken; another calls it. */
import { defineConfig } from "@fermata/cli/Config"
import { Effect } from "effect"
import { appendFileSync } from "node:fs"

const log = (text: string) => appendFileSync(process.env["FIXTURE_LOG"]!, `${text}\n`)

export default defineConfig({
  tasks: {
    pack: () => Effect.sync(() => log("pack")),
    book: () => Effect.sync(() => log("book")),
    pay: () =>
      Effect.suspend(() => {
        log("pay")
        return process.env["FIXTURE_BROKEN"] === undefined ? Effect.succeed("paid") : Effect.fail("no funds")
      })
  }
})
