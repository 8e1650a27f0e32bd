/** The bridges that there are. */
import type { Bridge } from "./Bridge.ts"
import { discord } from "./internal/bridges/Discord.ts"
import { github } from "./internal/bridges/GitHub.ts"

export { discord, github }

/** By name. */
export const bridges: ReadonlyArray<Bridge> = [discord, github]
