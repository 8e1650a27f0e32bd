/** What `npx fermata` serves in this folder: the contracts of the examples. */
import ticketTriage from "@fermata-examples/ticket-triage"
import { defineConfig } from "@fermata/cli/Config"

export default defineConfig({ ...ticketTriage, contracts: "examples/*/contract.json" })
