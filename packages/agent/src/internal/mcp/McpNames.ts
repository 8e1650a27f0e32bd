/** The names by which a model knows what MCP servers have. */

/** The tools that list and read the resources of servers. */
export const listResources = "ListMcpResources"
export const readResource = "ReadMcpResource"

/** The tools that list and get the prompts of servers. */
export const listPrompts = "ListMcpPrompts"
export const getPrompt = "GetMcpPrompt"

/** All of them. */
export const common: ReadonlyArray<string> = [listResources, readResource, listPrompts, getPrompt]

/** What a tool of a server is called. */
export const toolOf = (server: string, tool: string): string => `mcp__${server}__${tool}`

/** What policy knows it as that a server asks a model. */
export const sampling = (server: string): string => toolOf(server, "sampling")

/** Names that every provider takes, each once: none that was given out already, and with a number where two would be one. */
export const unique = (names: ReadonlyArray<string>, taken: Set<string>): ReadonlyArray<string> =>
  names.map((given) => {
    const plain = given.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, most)
    let name = plain
    for (let next = 2; taken.has(name); next++) name = `${plain.slice(0, most - 1 - `${next}`.length)}_${next}`
    taken.add(name)
    return name
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of a name that every provider takes. */
const most = 64
