/**
 * A process of a build that is really older, and one of today's, on one database.
 * The older build is the last before the tables took the shape that they have
 * now, out of the history of the repository.
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"
import { type Outcome, Project, type Running } from "./support/Fermata.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const migrations = "packages/host-node/src/Migrations.ts"
const support = "packages/host-node/test/support"

const git = (...args: ReadonlyArray<string>) =>
  execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 30 }).trim()

/** The commit before the last that changed the tables. */
const olderCommit = (): string => {
  const [last] = git("log", "--format=%H", "-G(CREATE (TABLE|INDEX)|ALTER TABLE)", "--", migrations).split("\n")
  assert.match(last!, /^[0-9a-f]{40}$/, "the repository has its history; a shallow clone has none")
  return git("rev-parse", `${last}^`)
}

/** A folder with the sources of a commit, and the dependencies of today. */
const checkedOut = (commit: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "fermata-older-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const packed = join(folder, "packed.tar")
  git("archive", "--output", packed, commit, "packages", "package.json")
  execFileSync("tar", ["-xf", packed, "-C", folder])
  const modules = join(folder, "node_modules")
  mkdirSync(join(modules, "@fermata"), { recursive: true })
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!/^(@fermata|\.)/.test(name)) symlinkSync(join(root, "node_modules", name), join(modules, name))
  }
  for (const name of readdirSync(join(folder, "packages"))) {
    symlinkSync(join(folder, "packages", name), join(modules, "@fermata", name))
  }
  for (const name of ["OlderWork.ts", "olderWorker.ts"]) {
    copyFileSync(join(root, support, name), join(folder, support, name))
  }
  return folder
}

const start = (project: Project, build: string) =>
  project.start([], {
    program: [process.execPath, join(build, support, "olderWorker.ts")],
    env: { OLDER_DB: project.db },
    keepStdin: true
  })
const tell = ({ process }: Running, line: string) => void process.stdin!.write(`${line}\n`)
const knows = async (process: Running) =>
  Number(/works, and knows (\d+) migrations;/.exec(await process.says("migrations;"))![1])
/** What the bodies of steps did in a process. */
const done = ({ stdout }: Outcome) => Array.from(stdout.matchAll(/^did (.*);$/gm), ([, step]) => step!)

describe("a process of a build that is really older", () => {
  it("N-34, S4: has its database migrated under it, and each step of each run is done once by one of the two", async () => {
    const project = new Project()
    const commit = olderCommit()
    const build = checkedOut(commit)
    const older = start(project, build)
    const before = await knows(older)
    tell(older, "start cut")
    await older.says("did cut 1;")

    const today = start(project, root)
    const after = await knows(today)
    assert.isBelow(before, after)
    const version = () => {
      const db = new DatabaseSync(project.db, { readOnly: true })
      const { user_version: found } = db.prepare("PRAGMA user_version").get()!
      db.close()
      return found
    }
    assert.strictEqual(version(), after)
    tell(today, "start queued")
    await today.says("did queued 1;")
    tell(older, "start repeated")
    await Promise.any([older, today].map(({ says }) => says("did repeated 1;")))
    for (const process of [older, today]) tell(process, "go")
    await Promise.all([older.says("cut is over;"), older.says("repeated is over;"), today.says("queued is over;")])
    older.process.stdin!.end()
    const [ended, refused] = [await older.ended, await start(project, build).ended]
    today.process.stdin!.end()
    const went = await today.ended
    assert.deepStrictEqual([ended.code, went.code], [0, 0], ended.stdout + ended.stderr + went.stdout + went.stderr)

    assert.sameMembers([...done(ended), ...done(went)], [
      "cut 1",
      "cut 2",
      "queued 1",
      "queued 2",
      "repeated 1",
      "repeated 2"
    ])
    assert.includeMembers(done(ended), ["cut 1", "cut 2"], "what it had it has ended")
    const db = new DatabaseSync(project.db, { readOnly: true })
    assert.deepEqual(db.prepare("SELECT status, count(*) AS runs FROM runs GROUP BY status").all(), [
      { status: "completed", runs: 3 }
    ])
    db.close()
    // Builds that know that newer ones may come leave to them what they have not begun.
    if (readFileSync(join(build, migrations), "utf8").includes("takes up nothing more")) {
      assert.includeMembers(done(went), ["repeated 1", "repeated 2"])
      assert.include(ended.stdout, "no further run is taken up here")
    }

    assert.strictEqual(refused.code, 1)
    assert.include(refused.stdout, `it has version ${after} and this build knows versions up to ${before}`)
    assert.strictEqual(version(), after)
  })
})
