/**
 * The skills of one run: which there are, decided at its start; what the model is
 * told of them; and what they say, each thing once, however often it is asked for.
 */
import * as Egress from "@fermata/engine/Egress"
import * as EgressPolicy from "@fermata/engine/EgressPolicy"
import * as Secrets from "@fermata/engine/Secrets"
import * as Step from "@fermata/engine/Step"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as AgentTool from "../AgentTool.ts"
import * as Skill from "../Skill.ts"

/** Whose skills a run has, and which these are. Those of a source are listed by a step of their own. */
export const Choice = Schema.Struct({
  from: Schema.Literals(["agent", "run", "source"]),
  list: Schema.Array(Skill.Listed)
})
export type Choice = typeof Choice.Type

/** Who may bring skills: the agent, whoever starts a run, and the process. */
export interface Bringers {
  readonly own: ReadonlyArray<Skill.Skill> | Skill.Source | undefined
  readonly ofRun: ReadonlyArray<Skill.OfRun> | undefined
  readonly ofProcess: Skill.Source | undefined
}

/** Those of the run alone, where it has any; else those of the agent; else those of the process. */
export const choose = ({ ofProcess, ofRun, own }: Bringers): Choice | undefined => {
  if (ofRun !== undefined) return { from: "run", list: ofRun.map(listed) }
  if (isList(own)) return own.length === 0 ? undefined : { from: "agent", list: own.map(listed) }
  return (own ?? ofProcess) === undefined ? undefined : { from: "source", list: [] }
}

/** What the model is told of skills, behind its instructions. */
export const section = (skills: ReadonlyArray<Skill.Listed>): string =>
  skills.length === 0
    ? ""
    : `Skills that you may load with the tool ${Skill.toolName}:\n${
      skills.map(({ description, name, pages = [] }) =>
        `- ${name}: ${description}${pages.length === 0 ? "" : ` (pages: ${pages.join(", ")})`}`
      ).join("\n")
    }`

/** The tool by which a model asks for one of these. */
export const toolFor = (skills: ReadonlyArray<Skill.Listed>): Tool.Any =>
  Tool.make(Skill.toolName, {
    description: "Loads the content of a skill, by its name, or a page of it.",
    parameters: skills.some(({ pages }) => pages !== undefined)
      ? Schema.Struct({ ...named(skills), page: Schema.optionalKey(Schema.String) })
      : Schema.Struct(named(skills)),
    success: Schema.String
  }).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })) as unknown as Tool.Any

/** The skills of a run. */
export interface Held {
  readonly list: ReadonlyArray<Skill.Listed>
  /** What the model is told of them that is not in its instructions yet. */
  readonly told: string
  readonly load: (asked: Asked) => Effect.Effect<string, unknown>
  /** What two questions have alike that are answered by the same text. */
  readonly keyOf: (asked: Asked) => string
}

/** A skill, or a page of one, as a model asks for it. */
export interface Asked {
  readonly name: string
  readonly page?: string | undefined
}

/** What a call of the tool asks for; nothing where that cannot be made out. */
export const asked = (params: Schema.Json): Asked | undefined => {
  if (typeof params !== "object" || params === null || !("name" in params)) return undefined
  const { name } = params
  const page = "page" in params ? params["page"] : undefined
  return typeof name === "string" ? { name, page: typeof page === "string" ? page : undefined } : undefined
}

/** A question as it stands in words. */
export const words = ({ name, page }: Asked): string =>
  page === undefined ? `skill "${name}"` : `page "${page}" of skill "${name}"`

/** What the model has been told of skills in a run. */
export interface Memory {
  /** What is in the conversation. */
  readonly shown: Set<string>
  /** What was said, by what it is the answer to. */
  readonly said: Map<string, Schema.Json>
  readonly keyOf: Held["keyOf"]
}

/** The skills of a run that decided on these, in its body. `hosts`: where theirs may be asked for, and nowhere else. */
export const hold = Effect.fnUntraced(function*(
  choice: Choice | undefined,
  { ofProcess, ofRun = [], own }: Bringers,
  hosts: ReadonlyArray<string> | undefined
) {
  switch (choice?.from) {
    case "source": {
      const source = isList(own) ? undefined : own ?? ofProcess
      const { list, told } = yield* Effect.provideService(listStep(), Skill.CurrentSource, source)
      const load: Held["load"] = ({ name, page }) =>
        source === undefined ? Effect.fail("there are no skills here any more") : source.load(name, page)
      return { list, told, load: among(list, load), keyOf } satisfies Held
    }
    case "run": {
      const load: Held["load"] = (asked) => loadOfRun(ofRun, asked, hosts)
      return {
        list: choice.list,
        told: "",
        load: among(choice.list, load),
        keyOf: (asked) => placeOf(ofRun, asked)?.url ?? keyOf(asked)
      } satisfies Held
    }
    // A run that began before this was decided has those of its agent.
    default: {
      const skills = isList(own) ? own : []
      const list = choice?.list ?? skills.map(listed)
      return { list, told: "", load: among(list, (asked) => loadOwn(skills, asked)), keyOf } satisfies Held
    }
  }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isList = (own: Bringers["own"]): own is ReadonlyArray<Skill.Skill> => Array.isArray(own)

const listed = (
  { description, name, pages = {} }: {
    readonly name: string
    readonly description: string
    readonly pages?: Readonly<Record<string, unknown>>
  }
): Skill.Listed => ({ name, description, ...(Object.keys(pages).length === 0 ? {} : { pages: Object.keys(pages) }) })

const named = (skills: ReadonlyArray<Skill.Listed>) => ({ name: Schema.Literals(skills.map(({ name }) => name)) })

const keyOf = ({ name, page }: Asked): string => page === undefined ? name : `${name}/${page}`

/** No tool has a name with a space in it, and every tool has a step of its name. */
const listStep = Step.make("skill list", {
  success: Schema.Struct({ list: Schema.Array(Skill.Listed), told: Schema.String }),
  error: Schema.String,
  onCrash: "rerun",
  run: () =>
    Effect.flatMap(
      Skill.CurrentSource,
      (source) => source === undefined ? Effect.succeed([]) : Effect.mapError(source.list, said)
    ).pipe(
      Effect.map((list) => ({ list, told: section(list) }))
    )
})

/** The most bytes of a skill that is fetched. */
const mostBytes = 1024 * 1024

/** Says of one that is not among these which there are. */
const among = (list: ReadonlyArray<Skill.Listed>, load: Held["load"]): Held["load"] => (asked) => {
  const skill = list.find(({ name }) => name === asked.name)
  if (skill === undefined) {
    return Effect.fail(`there is no skill "${asked.name}"; there is ${list.map(({ name }) => name).join(", ")}`)
  }
  const { pages = [] } = skill
  return asked.page === undefined || pages.includes(asked.page)
    ? load(asked)
    : Effect.fail(
      `skill "${asked.name}" has no page "${asked.page}"; ${
        pages.length === 0 ? "it has none" : `it has ${pages.join(", ")}`
      }`
    )
}

const gone = (asked: Asked) => Effect.fail(`there is no ${words(asked)} any more`)

const loadOwn = (skills: ReadonlyArray<Skill.Skill>, asked: Asked): Effect.Effect<string, unknown> => {
  const skill = skills.find(({ name }) => name === asked.name)
  const { pages = {} } = skill ?? {}
  const content = asked.page === undefined
    ? skill?.content
    : Object.hasOwn(pages, asked.page)
    ? pages[asked.page]
    : undefined
  return content === undefined ? gone(asked) : typeof content === "string" ? Effect.succeed(content) : content
}

type Place = { readonly content: string; readonly url?: never } | {
  readonly url: string
  readonly headers?: Extract<Skill.OfRun, { readonly url: string }>["headers"]
}

const placeOf = (skills: ReadonlyArray<Skill.OfRun>, { name, page }: Asked): Place | undefined => {
  const skill = skills.find((each) => each.name === name)
  if (skill === undefined || page === undefined) return skill
  const found = skill.pages !== undefined && Object.hasOwn(skill.pages, page) ? skill.pages[page] : undefined
  return found !== undefined && "url" in found && "headers" in skill ? { headers: skill.headers, ...found } : found
}

const loadOfRun = (
  skills: ReadonlyArray<Skill.OfRun>,
  asked: Asked,
  hosts: ReadonlyArray<string> | undefined
): Effect.Effect<string, unknown> => {
  const place = placeOf(skills, asked)
  if (place === undefined) return gone(asked)
  return place.url === undefined ? Effect.succeed(place.content) : fetched(place.url, place.headers ?? {}, hosts)
}

const fetched = Effect.fnUntraced(function*(
  url: string,
  headers: NonNullable<Extract<Place, { readonly url: string }>["headers"]>,
  hosts: ReadonlyArray<string> | undefined
) {
  const egress = yield* Egress.CurrentEgress
  const sent: Array<readonly [string, string]> = []
  for (const [name, value] of Object.entries(headers)) {
    sent.push([name, typeof value === "string" ? value : Redacted.value(yield* Secrets.resolve(value))])
  }
  const policy = EgressPolicy.extend(egress.policy, {
    maxResponseBytes: mostBytes,
    ...(hosts === undefined ? {} : { only: hosts })
  })
  const response = yield* egress.request({ url, headers: sent }, policy)
  if (response.status < 200 || response.status > 299) {
    return yield* Effect.fail(`${new URL(response.url).host} answered with status ${response.status}`)
  }
  return yield* Egress.text(response)
}, Effect.scoped)

const said = (error: unknown): string => error instanceof Error ? error.message : String(error)
