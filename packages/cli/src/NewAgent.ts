/** Makes the folder of a new agent from the template of the package. */
import * as Effect from "effect/Effect"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { type CommandFailed, refused } from "./CommandFailed.ts"

/** What was made: files by their paths from the folder. */
export interface NewAgent {
  readonly name: string
  readonly files: ReadonlyArray<string>
}

/** Makes it. Refused where a file of the template is there already, or the folder has a name that no unit of systemd may have; nothing is made then. */
export const make = (folder: string): Effect.Effect<NewAgent, CommandFailed> =>
  Effect.suspend(() => {
    const target = resolve(folder)
    const name = basename(target).toLowerCase()
    if (!/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(name)) {
      return Effect.fail(
        refused(
          "InvalidName",
          `${JSON.stringify(name)} is no name for an agent: give a folder whose name has letters, digits and _ . - only`
        )
      )
    }
    const root = packageFolder()
    const template = join(root, "templates", "agent")
    const files = readdirSync(template, { recursive: true, encoding: "utf8" })
      .filter((file) => statSync(join(template, file)).isFile())
      .map((file) => ({ from: join(template, file), to: file === "gitignore" ? ".gitignore" : file }))
      .sort((a, b) => a.to < b.to ? -1 : 1)
    const there = files.find(({ to }) => existsSync(join(target, to)))
    if (there !== undefined) {
      return Effect.fail(
        refused("FileExists", `there is a file ${join(folder, there.to)} already; give a folder that has none`)
      )
    }
    const versions = manifest(root)
    for (const { from, to } of files) {
      const file = join(target, to)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(
        file,
        readFileSync(from, "utf8")
          .replaceAll(/\bNAME\b/g, to.endsWith(".md") || to === "package.json" || to.endsWith(".ts") ? name : "NAME")
          .replace("\"VERSION\"", JSON.stringify(versions.version))
          .replace("\"EFFECT\"", JSON.stringify(versions.effect))
      )
      if (to.endsWith(".sh")) chmodSync(file, 0o755)
    }
    return Effect.succeed({ name, files: files.map(({ to }) => to) })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Where this package is, from its sources as from what is made of them. */
const packageFolder = (): string => dirname(fileURLToPath(import.meta.resolve("@fermata/cli/package.json")))

const manifest = (root: string): { readonly version: string; readonly effect: string } => {
  const { dependencies, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly version: string
    readonly dependencies: Readonly<Record<string, string>>
  }
  return { version, effect: dependencies["effect"]! }
}
