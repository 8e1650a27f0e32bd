/** What `npx fermata` serves in this folder: the contracts of the examples. */
import { defineConfig } from "@fermata/cli/Config"
import ticketTriage from "@fermata-examples/ticket-triage"

export default defineConfig({ ...ticketTriage, contracts: "examples/*/contract.json" })
