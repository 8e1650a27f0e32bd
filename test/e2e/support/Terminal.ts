/** The real command on a terminal of its own, as somebody sits at it. */
import { bin, type Project, type Running } from "./Fermata.ts"

/** A command on a terminal. What it shows and what it prints come by one way there. */
export interface Terminal extends Running {
  /** Types a line, once the terminal has shown this text so often. */
  readonly answer: (shown: string, times: number, line: string) => Promise<void>
}

/** Starts the command on a terminal, with whatever is in its surroundings. */
export const onTerminal = (
  project: Project,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>> = {}
): Terminal => {
  const line = [process.execPath, bin, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ")
  const running = project.start([], { env, program: ["script", "-qefc", `exec ${line}`, "/dev/null"], keepStdin: true })
  return {
    ...running,
    answer: async (shown, times, line) => {
      await running.says(shown, times)
      running.process.stdin!.write(`${line}\r`)
    }
  }
}
