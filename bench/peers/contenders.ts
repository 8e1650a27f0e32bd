/** Who is measured. */
export type Durability = "FULL" | "NORMAL" | "none"

export interface Entry {
  readonly name: string
  readonly title: string
  /** Its file in `contenders/`. */
  readonly file: string
  readonly variant: string
  /** `FULL`: a step survives power loss; `NORMAL`: the death of the process; `none`: neither. */
  readonly durability: Durability
  /** The package whose version is shown. */
  readonly package?: string
  readonly server?: "postgres" | "restate"
  /** Only these workloads. */
  readonly only?: ReadonlyArray<string>
  /** Steps of W2 and W5, where 2,000 would take minutes. */
  readonly long?: number
}

export const contenders: ReadonlyArray<Entry> = [
  { name: "floor-full", title: "floor, FULL", file: "floor", variant: "FULL", durability: "FULL" },
  { name: "floor-normal", title: "floor, NORMAL", file: "floor", variant: "NORMAL", durability: "NORMAL" },
  { name: "floor-memory", title: "floor, in memory", file: "floor", variant: "memory", durability: "none" },
  {
    name: "fermata-full",
    title: "Fermata, FULL",
    file: "fermata",
    variant: "FULL",
    durability: "FULL",
    package: "@fermata/engine"
  },
  {
    name: "fermata-normal",
    title: "Fermata, NORMAL",
    file: "fermata",
    variant: "NORMAL",
    durability: "NORMAL",
    package: "@fermata/engine"
  },
  {
    name: "fermata-lease",
    title: "Fermata, FULL, lease of 1 s",
    file: "fermata",
    variant: "FULL/1000",
    durability: "FULL",
    package: "@fermata/engine",
    only: ["W5"]
  },
  {
    name: "effect",
    title: "Effect's engine in memory",
    file: "effect",
    variant: "",
    durability: "none",
    package: "effect"
  },
  {
    name: "langgraph",
    title: "LangGraph functional, SQLite",
    file: "langgraph",
    variant: "",
    durability: "NORMAL",
    package: "@langchain/langgraph"
  },
  {
    name: "mastra",
    title: "Mastra `.then()` chain, libsql",
    file: "mastra",
    variant: "chain",
    durability: "NORMAL",
    package: "@mastra/core",
    long: 500
  },
  {
    name: "mastra-loop",
    title: "Mastra `.dountil()` loop, libsql",
    file: "mastra",
    variant: "loop",
    durability: "NORMAL",
    package: "@mastra/core",
    only: ["W2", "W5"]
  },
  {
    name: "dbos",
    title: "DBOS, PostgreSQL",
    file: "dbos",
    variant: "",
    durability: "FULL",
    package: "@dbos-inc/dbos-sdk",
    server: "postgres"
  },
  {
    name: "restate",
    title: "Restate",
    file: "restate",
    variant: "",
    durability: "FULL",
    package: "@restatedev/restate-server",
    server: "restate"
  }
]

/** The floor that a contender is held against. */
export const floorOf: Readonly<Record<Durability, string>> = {
  FULL: "floor-full",
  NORMAL: "floor-normal",
  none: "floor-memory"
}
