#!/usr/bin/env node
/** The `fermata` command. */
import { enableCompileCache } from "node:module"

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 24) {
  process.stderr.write(`error: Fermata needs Node 24 or newer, and this is ${major}.${minor}\n`)
  process.exit(2)
}
// Compiled modules are kept for the next start, which halves its time.
enableCompileCache()
const { main } = await import("./Main.ts")
main(process.argv.slice(2))
