/**
 * Skills: what an agent can look up how to do. The model is told their names and
 * what they are for, and asks for the one that it needs: its content is then in
 * the conversation, once.
 */
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AgentTool from "./AgentTool.ts"

/** A skill. Its content may have to be fetched, which is done when the model asks for it, as a step. */
export interface Skill {
  readonly name: string
  readonly description: string
  readonly content: string | Effect.Effect<string, unknown>
}

/** The name of the tool by which a model asks for a skill. */
export const toolName = "Skill"

/** The tool by which a model asks for one of these. */
export const toolFor = (skills: ReadonlyArray<Skill>): Tool.Any =>
  Tool.make(toolName, {
    description: "Loads the content of a skill, by its name.",
    parameters: Schema.Struct({ name: Schema.Literals(skills.map(({ name }) => name)) }),
    success: Schema.String
  }).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })) as unknown as Tool.Any

/** What the model is told of them, behind its instructions. */
export const section = (skills: ReadonlyArray<Skill>): string =>
  skills.length === 0
    ? ""
    : `Skills that you may load with the tool ${toolName}:\n${
      skills.map(({ description, name }) => `- ${name}: ${description}`).join("\n")
    }`

/** The content of a skill; what went wrong where it could not be fetched is the failure of the call. */
export const load = (skills: ReadonlyArray<Skill>, name: string): Effect.Effect<string, unknown> => {
  const skill = skills.find((each) => each.name === name)
  if (skill === undefined) {
    return Effect.fail(`there is no skill "${name}"; there is ${skills.map((each) => each.name).join(", ")}`)
  }
  return typeof skill.content === "string" ? Effect.succeed(skill.content) : skill.content
}
