#!/usr/bin/env node
/** The `fermata` command. */
import { existsSync, readFileSync } from "node:fs"
// An older Node has not all of it, and must come as far as the sentence below.
import * as module from "node:module"
import { looksAtServer, onlyLooks } from "./Looking.ts"

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 24) {
  process.stderr.write(`error: Fermata needs Node 24 or newer, and this is ${major}.${minor}\n`)
  process.exit(2)
}
// Compiled modules are kept for the next start, which halves its time.
module.enableCompileCache()
const args = process.argv.slice(2)
// The bundle is part of the published package alone. It hides where an error comes from.
const bundle = new URL("./bundle/Main.js", import.meta.url)
const bundled = onlyLooks(args) && (process.env["FERMATA_DEBUG"] ?? "") === "" && existsSync(bundle) &&
  !looksAtServer(args, process.env, process.cwd())
const { main } = await (bundled ? import(bundle.href) as Promise<typeof import("./Main.ts")> : import("./Main.ts"))
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}
main(args, manifest.version)
