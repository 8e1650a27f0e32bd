/**
 * How this command was called, so that the commands it prints run as they stand:
 * `fermata` where a shell finds it, `npx fermata` in a project that has it, and
 * else the program by its path.
 */
import { existsSync, realpathSync } from "node:fs"
import { delimiter, dirname, join, resolve, sep } from "node:path"

/** What is looked at of a process. */
export interface Process {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The program of the command, as it was started. */
  readonly file: string
  /** The Node that runs it. */
  readonly node: string
  readonly cwd: string
}

/** What stands in front of the words of a command, as a part of a shell line. */
export const calledAs = ({ cwd, env, file, node }: Process): string => {
  const isLocal = above(cwd).some((folder) => existsSync(join(folder, "node_modules", ".bin", name)))
  const runner = runners.find(({ agent }) => env["npm_config_user_agent"]?.startsWith(`${agent}/`))?.call ??
    `npx ${name}`
  if (env["npm_command"] === "exec") return isLocal ? runner : `npx --package @fermata/cli ${name}`
  const onPath = find(env, name)
  if (onPath !== undefined && real(onPath) === real(file)) return name
  if (isLocal) return runner
  const ownNode = find(env, "node")
  return `${ownNode !== undefined && real(ownNode) === real(node) ? "node" : quoted(node)} ${
    quoted(resolve(cwd, file))
  }`
}

/** Options with their values; a switch has none. */
export type Options = ReadonlyArray<readonly [name: string, value?: string | undefined]>

/** Has every printed command repeat these options. */
export const repeat = (options: Options): void => {
  repeated = options
}

/**
 * A command as somebody types it here to reach the same database and
 * configuration as this one: `fermata("runs show", [runId])`. What begins with
 * a dash and is no option stands where it is not taken for one.
 */
export const fermata = (words: string, operands: ReadonlyArray<string> = [], options: Options = []): string => {
  called ??= calledAs({ env: process.env, file: process.argv[1] ?? name, node: process.execPath, cwd: process.cwd() })
  const values = operands.map(quoted)
  const switches = [...options, ...repeated].map(([option, value]) =>
    value === undefined
      ? `--${option}`
      : value.startsWith("-")
      ? quoted(`--${option}=${value}`)
      : `--${option} ${quoted(value)}`
  )
  const rest = operands.some((operand) => operand.startsWith("-"))
    ? [...switches, "--", ...values]
    : [...values, ...switches]
  return [called, ...words === "" ? [] : [words], ...rest].join(" ")
}

/** Text as one word of a shell command. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const name = "fermata"

/** How package managers other than npm run a program of a project. */
const runners = [
  { agent: "pnpm", call: `pnpm exec ${name}` },
  { agent: "yarn", call: `yarn ${name}` },
  { agent: "bun", call: `bunx ${name}` }
]

let called: string | undefined
let repeated: Options = []

/** The folder, and those above it. */
const above = (folder: string): ReadonlyArray<string> => {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...above(parent)]
}

/** The program that a shell starts by this name. What a package manager adds to the path of its scripts does not count. */
const find = (env: Process["env"], program: string): string | undefined =>
  (env["PATH"] ?? "").split(delimiter)
    .filter((folder) => folder !== "" && !folder.endsWith(`node_modules${sep}.bin`))
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))

const real = (path: string): string => existsSync(path) ? realpathSync(path) : path
