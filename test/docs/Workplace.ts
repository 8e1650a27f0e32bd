/** Where the fences run: folders inside the repository, so that its packages resolve, that leave nothing behind. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { bin } from "../e2e/support/Bin.ts"
import { type Fence, root } from "./Fences.ts"

const commands = {
  fermata: `exec "${process.execPath}" "${bin}" "$@"`,
  npx:
    `if [ "$1" = fermata ]; then shift; exec fermata "$@"; fi\necho "npx $1: not a command of this project" >&2\nexit 127`
}

export class Workplace {
  readonly folder: string
  /** The environment of what runs here. */
  readonly env: NodeJS.ProcessEnv
  private readonly copies = new Map<string, string>()

  constructor() {
    mkdirSync(join(root, "scratchpad"), { recursive: true })
    this.folder = mkdtempSync(join(root, "scratchpad", "docs-"))
    const bin = join(this.folder, "bin")
    mkdirSync(bin)
    for (const [name, script] of Object.entries(commands)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    const { FERMATA_AS: _as, FERMATA_DB: _db, NODE_OPTIONS: _options, ...env } = process.env
    this.env = {
      ...Object.fromEntries(
        Object.entries(env).filter(([name]) => !name.startsWith("VITEST") && !name.startsWith("npm_"))
      ),
      PATH: [bin, dirname(process.execPath), process.env["PATH"]].join(delimiter),
      NO_COLOR: "1"
    }
  }

  /** The file of a program, written so that line n of it is line n of the fence. */
  fileOf(fence: Fence): string {
    const name = `${fence.document.replaceAll("/", "-").replace(/\.md$/, "")}-${fence.line}`
    const file = join(this.folder, fence.flags.includes("test") ? `${name}.test.ts` : `${name}.ts`)
    writeFileSync(file, fence.text)
    return file
  }

  /** A folder like a fresh clone with its dependencies, one for each document. */
  copyOf(document: string): string {
    const known = this.copies.get(document)
    if (known !== undefined) return known
    const copy = mkdtempSync(join(this.folder, "copy-"))
    this.copies.set(document, copy)
    for (const name of ["examples", "scripts", "package.json", "fermata.config.ts"]) {
      cpSync(join(root, name), join(copy, name), {
        recursive: true,
        filter: (path) => !/[/\\](node_modules|\.fermata)$/.test(path)
      })
    }
    for (const name of ["packages", "node_modules"]) symlinkSync(join(root, name), join(copy, name), "dir")
    return copy
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The names of the scripts that `npm run` knows here. */
export const scripts: ReadonlySet<string> = new Set(
  Object.keys((JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly scripts: object }).scripts)
)
