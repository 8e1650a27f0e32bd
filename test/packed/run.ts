/**
 * Proves the packages as a user gets them: installs the tarballs in an empty folder, then type-checks and runs
 * the README's program and uses the `fermata` command there.
 *
 * The programs are the README's fences with the info strings `ts program` and `ts explored`; they must end by
 * themselves with exit code 0.
 * Usage: `node test/packed/run.ts [--tarballs DIR] [--summary FILE]`; without DIR the packages are packed first.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { kill, problems } from "../e2e/kill/Kill.ts"
import { copies } from "./copies.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const { values } = parseArgs({ options: { tarballs: { type: "string" }, summary: { type: "string" } } })

const folder = mkdtempSync(join(tmpdir(), "fermata-packed-"))
const project = join(folder, "project")
const tarballs = values.tarballs === undefined ? join(folder, "tarballs") : resolve(values.tarballs)

/** Node 24 first, so that the installed command runs on it whatever the machine has. */
const env = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  FERMATA_DB: join(project, ".fermata", "fermata.db")
}

/** The Bun on which the packages are tried. */
const bunVersion = "1.4.5"

interface Outcome {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end; another exit code than 0 fails with what it printed. */
const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): Outcome => ends(0, cwd, command, args)

const ends = (code: number, cwd: string, command: string, args: ReadonlyArray<string>): Outcome => {
  const { error, signal, status, stderr, stdout } = spawnSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    input: "",
    timeout: 180_000
  })
  if (error !== undefined) throw error
  if (status !== code) {
    throw new Error(`${command} ${args.join(" ")} ended with ${status ?? signal}\n${stdout}${stderr}`)
  }
  return { stdout, stderr }
}

const bin = join(project, "node_modules", ".bin", "fermata")

const fermata = (...args: ReadonlyArray<string>): Outcome => run(project, bin, ...args)

const expect = (holds: boolean, message: string): void => {
  if (!holds) throw new Error(message)
}

/** The first fence of a Markdown text with exactly this info string. */
const fence = (markdown: string, info: string): string => {
  const lines = markdown.split("\n")
  const start = lines.indexOf("```" + info)
  expect(start >= 0, `the README has no fence with the info string "${info}"`)
  return lines.slice(start + 1, lines.indexOf("```", start + 1)).join("\n") + "\n"
}

interface Step {
  readonly title: string
  readonly prove: () => void | Promise<void>
}

const steps: ReadonlyArray<Step> = [
  {
    title: "the tarballs install in an empty folder",
    prove: () => {
      if (values.tarballs === undefined) run(root, process.execPath, "scripts/pack.ts", "--out", tarballs)
      mkdirSync(project)
      writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
      const files = readdirSync(tarballs).filter((name) => name.endsWith(".tgz")).map((name) => join(tarballs, name))
      expect(files.length > 0, `no tarballs in ${tarballs}`)
      run(project, "npm", "install", "--no-audit", "--no-fund", "--no-save", ...files)
    }
  },
  {
    title: "the README's programs type-check against the installed packages",
    prove: () => {
      const readme = readFileSync(join(root, "README.md"), "utf8")
      for (const name of ["program", "explored"]) {
        writeFileSync(join(project, `${name}.ts`), fence(readme, `ts ${name}`))
      }
      const options = {
        strict: true,
        exactOptionalPropertyTypes: true,
        module: "NodeNext",
        target: "ES2024",
        lib: ["ESNext", "DOM", "DOM.Iterable"],
        noEmit: true,
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        typeRoots: [join(root, "node_modules", "@types")],
        types: ["node"]
      }
      writeFileSync(
        join(project, "tsconfig.json"),
        JSON.stringify({ compilerOptions: options, files: ["program.ts", "explored.ts"] })
      )
      run(project, process.execPath, join(root, "node_modules", "typescript", "bin", "tsc"), "-p", ".")
    }
  },
  { title: "the README's program runs to its end", prove: () => void run(project, process.execPath, "program.ts") },
  {
    title: "the README's program is explored by the simulator",
    prove: () => {
      const { stdout } = run(project, process.execPath, "explored.ts")
      expect(/^\d+ lives, \d+ crash points, no promise broken$/m.test(stdout), `the simulator printed:\n${stdout}`)
    }
  },
  {
    title:
      "M-02: on Bun the README's program runs to its end, joins the run that Node has made, and so does the command",
    prove: () => {
      // A folder of its own: what an install of the packages brings is looked at below.
      const place = join(folder, "bun")
      mkdirSync(place)
      writeFileSync(join(place, "package.json"), JSON.stringify({ private: true }))
      const name = `@oven/bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : "x64"}`
      run(place, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", `${name}@${bunVersion}`)
      const bun = join(place, "node_modules", name, "bin", "bun")
      expect(run(place, bun, "--version").stdout === `${bunVersion}\n`, "another Bun was installed")
      const joined = run(project, bun, "program.ts").stdout
      expect(joined === "Hello Ada, one second later\n", `on the database of Node it printed:\n${joined}`)
      rmSync(join(project, ".fermata"), { recursive: true })
      const { stdout } = run(project, bun, "program.ts")
      expect(stdout === "greeting Ada\nHello Ada, one second later\n", `it printed:\n${stdout}`)
      const bin = join(project, "node_modules", "@fermata", "cli", "dist", "bin.js")
      const [line = ""] = run(project, bun, bin, "runs", "ls", "--json").stdout.split("\n")
      const { status } = JSON.parse(line) as { readonly status: string }
      expect(status === "completed", `the run is ${status}`)
    }
  },
  {
    title: "an install brings what the packages import, and nothing else",
    prove: () => {
      const modules = join(project, "node_modules")
      const installed = readdirSync(modules).filter((name) => !name.startsWith("."))
      // By what brings them: the client of Anthropic, what reads PDFs, what takes pages apart, ripgrep, and we ourselves.
      const brought: Readonly<Record<string, string>> = {
        anthropic:
          "@anthropic-ai @babel @opentelemetry @stablelib fast-sha256 json-schema-to-ts standardwebhooks ts-algebra",
        documents: "unpdf",
        pages: "@mixmark-io @mozilla boolbase css-select css-what cssomnom dom-serializer domelementtype domhandler " +
          "domutils entities html-escaper htmlparser2 linkedom nth-check turndown uhyphen",
        search: "@vscode",
        ours: "@fermata effect jsonata diff ignore ipaddr.js picomatch unbash undici yaml"
      }
      const expected = Object.values(brought).flatMap((names) => names.split(" ")).sort().join(" ")
      expect(installed.sort().join(" ") === expected, `installed are: ${installed.join(" ")}`)
      const { stdout } = run(project, "npm", "ls", "--all", "--parseable")
      const bytes = readdirSync(modules, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, { name, parentPath }) => sum + statSync(join(parentPath, name)).size, 0)
      // The first is the project itself.
      const packages = new Set(stdout.trim().split("\n")).size - 1
      console.log(`      ${packages} packages, ${(bytes / 1e6).toFixed(0)} MB`)
    }
  },
  {
    title: "what MCP needs is within the packages, and the SDK of the protocol is no package that an install brings",
    prove: () => {
      const say = (id: number, method: string, params: object) =>
        JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n"
      const clientInfo = { name: "packed", version: "1" }
      const begin = say(1, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo })
      const list = say(2, "tools/list", {})
      const { status, stderr, stdout } = spawnSync(bin, ["mcp"], {
        cwd: project,
        env,
        encoding: "utf8",
        input: begin + list,
        timeout: 60_000
      })
      expect(status === 0, `it ended with ${status}:\n${stderr}`)
      const answers = stdout.trim().split("\n").map((line) => JSON.parse(line) as { readonly id: number })
      expect(answers.map(({ id }) => id).join() === "1,2", `it printed:\n${stdout}`)
      expect(stdout.includes("fermata_runs_list"), `it offers:\n${stdout}`)
      for (const name of ["agent", "agent-node", "cli"]) {
        const dist = join(project, "node_modules", "@fermata", name, "dist")
        const left = readdirSync(dist, { recursive: true, encoding: "utf8" })
          // What is never run from there asks for it by its name.
          .filter((file) => file.endsWith(".js") && !file.startsWith("bundle"))
          .filter((file) => /(from |import\()"@modelcontextprotocol\//.test(readFileSync(join(dist, file), "utf8")))
        expect(left.length === 0, `${name} imports the SDK in ${left.join(", ")}`)
        const licences = readFileSync(
          join(dist, "internal", "carried", "modelcontextprotocol", "sdk", "LICENSES.txt"),
          "utf8"
        )
        expect(/^@modelcontextprotocol\/sdk$/m.test(licences) && /^zod$/m.test(licences), `${name}: ${licences}`)
      }
    }
  },
  {
    title: "a Node that is too old is told so in a sentence",
    prove: () => {
      const old =
        `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })`
      const bin = join(project, "node_modules", "@fermata", "cli", "dist", "bin.js")
      const { status, stderr } = spawnSync(process.execPath, ["--import", old, bin, "--help"], {
        cwd: project,
        env,
        encoding: "utf8"
      })
      expect(
        status === 2 && stderr === "error: Fermata needs Node 24 or newer, and this is 20.20\n",
        `it ended with ${status}:\n${stderr}`
      )
      // Node links a module before it runs: a name that an older Node lacks would end it before the sentence.
      expect(
        !/import\s*\{[^}]*\}\s*from\s*"node:module"/.test(readFileSync(bin, "utf8")),
        "bin.js imports a name that an older Node lacks"
      )
    }
  },
  {
    title: "no command holds two copies of effect or the engine, and those that only look load no code of the user",
    prove: () => copies({ project, env })
  },
  {
    title: "fermata --help lists the commands",
    prove: () => {
      const { stdout } = fermata("--help")
      for (const command of ["run", "runs", "approvals", "signal"]) {
        expect(new RegExp(`^\\s*${command}\\b`, "m").test(stdout), `--help does not list "${command}":\n${stdout}`)
      }
    }
  },
  {
    title: "fermata run completes a contract and the run stays on record",
    prove: () => {
      cpSync(join(root, "test", "packed", "greet.json"), join(project, "greet.json"))
      const { stdout } = fermata("run", "greet.json", "--input", JSON.stringify({ name: "Ada" }), "--json")
      const result = JSON.parse(stdout) as { readonly runId: string; readonly status: string; readonly output: unknown }
      expect(result.status === "completed", `the run is ${result.status}:\n${stdout}`)
      expect(JSON.stringify(result.output).includes("Hello Ada"), `unexpected output:\n${stdout}`)
      const shown = fermata("runs", "show", result.runId, "--json").stdout
      expect((JSON.parse(shown) as { readonly status: string }).status === "completed", `unexpected run:\n${shown}`)
    }
  },
  {
    title:
      "an agent runs with no key and real tools on a real repository to its question, and from the answer to its end",
    prove: () => {
      const place = join(project, "code-reviewer")
      cpSync(join(root, "examples", "code-reviewer"), place, {
        recursive: true,
        filter: (file) => !/\/(test|node_modules)$/.test(file)
      })
      run(place, process.execPath, "shop.ts", "shop")
      const scripted = ["--model", "scripted"]
      const given = ["agent", "run", "code-reviewer", "--input-file", "change.json", "--json"]
      const asked = ends(3, place, bin, [...given, ...scripted])
      const { agent, runId } = JSON.parse(asked.stdout) as { readonly agent: unknown; readonly runId: string }
      expect(
        JSON.stringify(agent) === `{"turns":3,"models":["scripted"],"scripted":true}`,
        `unexpected run:\n${asked.stdout}`
      )
      const { stdout } = run(place, bin, "approve", runId, "--as", "maintainer", ...scripted)
      expect(stdout.includes(`"report":"REVIEW.md"`), `unexpected answer:\n${stdout}`)
      const report = readFileSync(join(place, "shop", "REVIEW.md"), "utf8")
      expect(report.includes("- src/login.ts:2 holds a password"), `unexpected report:\n${report}`)
    }
  },
  {
    title: "an agent has the tools of MCP servers from npm, without the SDK beside the packages",
    prove: () => {
      const place = join(project, "research-with-mcp")
      cpSync(join(root, "examples", "research-with-mcp"), place, {
        recursive: true,
        filter: (file) => !/\/(test|node_modules|package\.json|memory\.jsonl)$/.test(file)
      })
      const { dependencies } = JSON.parse(
        readFileSync(join(root, "examples", "research-with-mcp", "package.json"), "utf8")
      ) as { readonly dependencies: Readonly<Record<string, string>> }
      writeFileSync(join(place, "package.json"), JSON.stringify({ private: true, type: "module" }))
      const servers = Object.entries(dependencies).filter(([name]) => name.startsWith("@modelcontextprotocol/"))
      run(place, "npm", "install", "--no-audit", "--no-fund", "--no-save", ...servers.map((one) => one.join("@")))
      const scripted = ["--model", "scripted"]
      const research = (code: number, id: string) =>
        ends(code, place, bin, [
          "agent",
          "run",
          "researcher",
          "--input",
          `{"service":"payments"}`,
          "--id",
          id,
          ...scripted
        ])
      research(3, "payments-1")
      const [asked = ""] = run(place, bin, "approvals", "ls", "--json").stdout.split("\n")
      const { id } = JSON.parse(asked) as { readonly id: string }
      run(place, bin, "approve", id, "--as", "librarian", ...scripted)
      const { stdout } = research(0, "payments-2")
      expect(
        stdout === `{"owner":"team Ledger","onCall":"Ada, 0100","source":"payments.md","remembered":true}\n`,
        `unexpected answer:\n${stdout}`
      )
    }
  },
  {
    title: "S1, S4: runs of the installed command survive kill -9, and only a step in flight runs again",
    prove: async () => {
      const place = join(project, "kill")
      mkdirSync(place)
      cpSync(join(root, "test", "e2e", "kill", "fermata.config.ts"), join(place, "fermata.config.ts"))
      const command = [process.execPath, join(project, "node_modules", "@fermata", "cli", "dist", "bin.js")]
      const kills = 4
      const tally = await kill({
        command,
        config: join(place, "fermata.config.ts"),
        folder: place,
        kills,
        steps: 200,
        leaseMs: 1_000
      })
      const wrong = problems(tally, kills)
      expect(wrong.length === 0, wrong.join("\n"))
    }
  }
]

let passed = 0
let failed = 0
try {
  for (const { prove, title } of steps) {
    const started = performance.now()
    try {
      await prove()
      passed++
      console.log(`ok    ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    } catch (error) {
      failed++
      console.log(`FAIL  ${title}\n${error instanceof Error ? error.message : String(error)}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

if (values.summary !== undefined) writeFileSync(values.summary, JSON.stringify({ passed, failed, skipped: 0 }))
process.exitCode = failed === 0 ? 0 : 1
