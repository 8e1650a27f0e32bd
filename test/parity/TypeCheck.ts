/** Asks the compiler about small programs, so that a test can say what does not compile. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const cache = join(root, "node_modules/.cache/fermata")

const options = {
  noEmit: true,
  composite: false,
  incremental: false,
  declaration: false,
  declarationMap: false,
  sourceMap: false,
  rewriteRelativeImportExtensions: false,
  allowImportingTsExtensions: true,
  rootDir: "/",
  tsBuildInfoFile: null,
  types: ["node"]
}

/** What the compiler says about each of these modules, in one compilation. */
export const typeErrors = <const Name extends string>(
  modules: Readonly<Record<Name, string>>
): Readonly<Record<Name, ReadonlyArray<string>>> => {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "types-"))
  try {
    const names = Object.keys(modules) as Array<Name>
    for (const name of names) writeFileSync(join(folder, `${name}.ts`), modules[name])
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: options,
      files: names.map((name) => `${name}.ts`)
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
    const compiler = join(root, "node_modules/typescript/bin/tsc")
    const { error, stdout } = spawnSync(process.execPath, [compiler, "--pretty", "false", "-p", folder], {
      cwd: folder,
      encoding: "utf8"
    })
    if (error !== undefined) throw error
    const lines = stdout.split("\n").filter((line) => line.includes("error TS"))
    const errors = {} as Record<Name, ReadonlyArray<string>>
    for (const name of names) errors[name] = lines.filter((line) => line.startsWith(`${name}.ts(`))
    return errors
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
