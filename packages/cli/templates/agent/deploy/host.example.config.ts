/**
 * What is true of one machine alone. Copy it out of this folder, which a deployment may replace, and name it by its path:
 *
 *   ~/.config/fermata/NAME.config.ts, and in ~/.config/fermata/NAME.env: FERMATA_HOST_CONFIG=/home/me/.config/fermata/NAME.config.ts
 *
 * Secrets stand in neither: they are variables of the environment, or files that only the agent may read.
 */
export default {
  extends: "/home/me/agents/NAME/fermata.config.ts"
}
