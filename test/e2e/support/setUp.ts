/**
 * The command as it is published, for tests that start it: what only looks starts from a bundle, in a fifth of the
 * time that all modules take. Made once for all of them, and gone with them.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundleCommand } from "../../../scripts/bundle.ts"
import { binVariable } from "./Bin.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const command = join(root, "packages/cli")

/** Vitest calls it before the first test, and what it gives back after the last. */
export default async function setUp(): Promise<() => void> {
  // Inside of the repository, where the packages that the bundle imports are found.
  const folder = mkdtempSync(join(root, "scratchpad/command-"))
  const source = join(folder, "src")
  mkdirSync(source)
  copyFileSync(join(command, "package.json"), join(folder, "package.json"))
  copyFileSync(join(command, "src/bin.ts"), join(source, "bin.ts"))
  symlinkSync(join(command, "templates"), join(folder, "templates"))
  for (const module of ["Looking.ts", "Main.ts"]) {
    writeFileSync(join(source, module), `export * from ${JSON.stringify(join(command, "src", module))}\n`)
  }
  await bundleCommand(command, join(source, "bundle"))
  process.env[binVariable] = join(source, "bin.ts")
  return () => rmSync(folder, { recursive: true, force: true })
}
