/** Makes a repository to review, of a shop with a change on a branch of its own: `node shop.ts FOLDER`. */
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const before = {
  "README.md": "# Shop\n",
  "src/greet.ts": "export const greet = (name: string) => `Hello ${name}`\n",
  "src/total.ts": "export const total = (prices: number[]) => prices.reduce((sum, price) => sum + price, 0)\n"
}

const after = {
  "src/login.ts": `export const login = (user: string, query: string) => {
  const password = "hunter2"
  return eval(query)
}
`,
  "src/greet.ts": "export const greet = (name: string) => `Good morning ${name}`\n",
  "src/total.ts": `export const total = (prices: number[]) => {
  // TODO: taxes
  return prices.reduce((sum, price) => sum + price, 0)
}
`
}

/** The repository in this folder, with the branch `login` checked out. */
export const makeShop = (folder: string): void => {
  mkdirSync(folder, { recursive: true })
  const git = (...args: ReadonlyArray<string>): void =>
    void execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args], {
      cwd: folder,
      stdio: "ignore"
    })
  const commit = (files: Readonly<Record<string, string>>, message: string): void => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    git("add", "--all")
    git("commit", "--message", message)
  }
  git("init", "--initial-branch", "main")
  commit(before, "A shop")
  git("switch", "--create", "login")
  commit(after, "People log in")
}

const [, script, folder] = process.argv
if (script === fileURLToPath(import.meta.url) && folder !== undefined) makeShop(folder)
