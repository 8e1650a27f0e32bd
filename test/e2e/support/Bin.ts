/** The program of the command: with the bundle that was made for all tests, or without one where a test is alone. */
import { fileURLToPath } from "node:url"

/** The variable that names the program with a bundle. */
export const binVariable = "FERMATA_TEST_BIN"

/** The program of the command. */
export const bin = process.env[binVariable] ??
  fileURLToPath(new URL("../../../packages/cli/src/bin.ts", import.meta.url))
