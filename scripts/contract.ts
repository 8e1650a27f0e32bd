/** Writes what is made from the schema of contracts: `npm run contract`. A test says when it is out of date. */
import * as ContractReference from "@fermata/core/contract/ContractReference"
import { writeFileSync } from "node:fs"

const core = new URL("../packages/core/", import.meta.url)

writeFileSync(
  new URL("src/contract/contract.schema.json", core),
  `${JSON.stringify(ContractReference.jsonSchema(), undefined, 2)}\n`
)
writeFileSync(new URL("CONTRACT.md", core), ContractReference.markdown())
