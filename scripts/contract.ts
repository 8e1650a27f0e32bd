/** Writes what is made from the schema of contracts: `npm run contract`. A test says when it is out of date. */
import * as ContractReference from "@fermata/contracts/ContractReference"
import { writeFileSync } from "node:fs"

const contracts = new URL("../packages/contracts/", import.meta.url)

writeFileSync(
  new URL("src/contract.schema.json", contracts),
  `${JSON.stringify(ContractReference.jsonSchema(), undefined, 2)}\n`
)
writeFileSync(new URL("CONTRACT.md", contracts), ContractReference.markdown())
