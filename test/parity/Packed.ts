/** The packages as they are published, in a project of their own, beside what the repository has of others. */
import { spawnSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly engines?: { readonly node?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export class Packed {
  readonly folder = mkdtempSync(join(tmpdir(), "fermata-published-"))
  readonly project = join(this.folder, "project")
  /** The tarballs, each with its size in bytes and the files in it. */
  readonly tarballs = new Map<string, { readonly bytes: number; readonly files: ReadonlyArray<string> }>()
  readonly manifests: ReadonlyArray<Manifest>

  constructor() {
    const tarballs = join(this.folder, "tarballs")
    const modules = join(this.project, "node_modules")
    mkdirSync(modules, { recursive: true })
    this.put("package.json", JSON.stringify({ private: true, type: "module" }))
    const packed = this.run(process.execPath, [join(root, "scripts", "pack.ts"), "--out", tarballs])
    if (packed.code !== 0) throw new Error(`not packed:\n${packed.stdout}${packed.stderr}`)
    this.manifests = readdirSync(tarballs).map((name) => {
      const file = join(tarballs, name)
      const place = join(this.folder, "unpacked", name)
      mkdirSync(place, { recursive: true })
      const { code, stderr } = this.run("tar", ["-xzf", file, "-C", place])
      if (code !== 0) throw new Error(stderr)
      const manifest = JSON.parse(readFileSync(join(place, "package", "package.json"), "utf8")) as Manifest
      const target = join(modules, manifest.name)
      mkdirSync(dirname(target), { recursive: true })
      // A copy and not a link: whoever resolves a link looks for dependencies beside its target.
      const moved = this.run("mv", [join(place, "package"), target])
      if (moved.code !== 0) throw new Error(moved.stderr)
      const files = readdirSync(target, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile()).map((entry) => relative(target, join(entry.parentPath, entry.name)))
      this.tarballs.set(manifest.name, { bytes: statSync(file).size, files })
      return manifest
    })
    const foreign = new Set(
      // Without what the packages carry themselves: an install does not bring it.
      this.manifests.flatMap(({ dependencies, peerDependencies }) =>
        Object.keys({ ...dependencies, ...peerDependencies }).filter((name) =>
          !/^@(fermata|modelcontextprotocol)\//.test(name)
        )
      )
    )
    for (const name of foreign) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(root, "node_modules", name), join(modules, name))
    }
  }

  /** Writes a file of the project. */
  put(file: string, text: string): void {
    writeFileSync(join(this.project, file), text)
  }

  /** Runs a command in the project to its end. */
  run(command: string, args: ReadonlyArray<string>): Outcome {
    const { error, status, stderr, stdout } = spawnSync(command, args, {
      cwd: this.project,
      encoding: "utf8",
      input: "",
      maxBuffer: 1 << 26
    })
    if (error !== undefined) throw error
    return { code: status, stdout, stderr }
  }

  /** Runs a program of the project on this Node. */
  node(...args: ReadonlyArray<string>): Outcome {
    return this.run(process.execPath, args)
  }

  /** What the compiler says about files of the project under these options. */
  typeErrors(files: ReadonlyArray<string>, options: object): string {
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      target: "ES2024",
      lib: ["ESNext", "DOM", "DOM.Iterable"],
      noEmit: true,
      typeRoots: [join(root, "node_modules", "@types")],
      types: ["node"],
      ...options
    }
    this.put("tsconfig.json", JSON.stringify({ compilerOptions, files }))
    return this.node(join(root, "node_modules", "typescript", "bin", "tsc"), "--pretty", "false", "-p", ".").stdout
  }

  /** Every path by which a user may import a module: those of each package that Node resolves by its export map. */
  specifiers(): ReadonlyArray<string> {
    const candidates = this.manifests.flatMap(({ name }) =>
      this.tarballs.get(name)!.files.filter((file) => /^dist\/.*\.js$/.test(file)).flatMap((file) => {
        const module = file.slice("dist/".length, -".js".length)
        return module === "index" ? [name] : [`${name}/${module}`, `${name}/${module.replace(/\/index$/, "")}`]
      })
    )
    this.put(
      "resolve.mjs",
      `
      const candidates = ${JSON.stringify([...new Set(candidates)])}
      console.log(JSON.stringify(candidates.filter((specifier) => {
        try {
          import.meta.resolve(specifier)
          return true
        } catch (error) {
          if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error
          return false
        }
      })))
    `
    )
    const { code, stderr, stdout } = this.node("resolve.mjs")
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as ReadonlyArray<string>
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
