/** Lays out every source file in one way: `npm run format`. With `--check` it writes nothing, and names those that are not. */
import { createContext } from "@dprint/formatter"
import * as typescript from "@dprint/typescript"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"

const root = new URL("../", import.meta.url)
const check = process.argv.includes("--check")

const formatter = createContext({ lineWidth: 120, indentWidth: 2, newLineKind: "lf" })
formatter.addPlugin(readFileSync(typescript.getPath()), {
  semiColons: "asi",
  quoteStyle: "alwaysDouble",
  trailingCommas: "never",
  operatorPosition: "maintain",
  "arrowFunction.useParentheses": "force",
  "functionExpression.spaceAfterFunctionKeyword": false
})

/** What is laid out once may be laid out otherwise the second time, so a file is done when nothing changes. */
const settled = (filePath: string, fileText: string, rounds = 5): string => {
  const text = formatter.formatText({ filePath, fileText })
  return text === fileText || rounds === 1 ? text : settled(filePath, text, rounds - 1)
}

const listed = execFileSync(
  "git",
  ["ls-files", "-co", "--exclude-standard", "*.ts", "*.tsx", "*.mts", "*.js", "*.mjs"],
  {
    cwd: root,
    encoding: "utf8"
  }
)
const files = listed.split("\n").filter((file) => file !== "" && existsSync(new URL(file, root)))

const changed = files.filter((file) => {
  const url = new URL(file, root)
  const text = readFileSync(url, "utf8")
  const formatted = settled(file, text)
  if (formatted === text) return false
  if (!check) writeFileSync(url, formatted)
  return true
})

for (const file of changed) console.log(file)
if (check && changed.length > 0) {
  console.error(`${changed.length} of ${files.length} files are not formatted; mend: npm run format`)
  process.exitCode = 1
}
