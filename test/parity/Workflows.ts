/** The workflows of `.github`, read as GitHub reads them. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

export const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Step {
  readonly id?: string
  readonly name?: string
  readonly uses?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<
    Record<string, {
      readonly if?: string
      readonly permissions?: Readonly<Record<string, string>>
      readonly steps: ReadonlyArray<Step>
    }>
  >
}

const folder = join(root, ".github", "workflows")

/** The text of every workflow by the name of its file. */
export const texts: ReadonlyMap<string, string> = new Map(
  readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")])
)

export const workflow = (name: string) => parse(texts.get(name) ?? "") as Workflow

export const release = workflow("release.yml")

export const stepsOf = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps }) => steps)

/** The command that the release workflow runs in the one step like this. */
const commandOf = (wanted: (step: Step) => boolean): string => {
  const [step, ...others] = stepsOf(release).filter(wanted)
  if (step?.run === undefined || others.length > 0) throw new Error("the release workflow has not one such step")
  return step.run
}

/** Whether there is something to release. */
export const decide = commandOf(({ id }) => id === "decide")
/** What publishes. */
export const publish = commandOf(({ name }) => name === "Publish with provenance")
/** What tells it on GitHub. */
export const telling = commandOf(({ name }) => name === "Tell it on GitHub")
