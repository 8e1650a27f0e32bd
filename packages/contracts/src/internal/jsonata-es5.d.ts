/** The build of JSONata without native async functions; same interface as the main one. */
declare module "jsonata/jsonata-es5.js" {
  import jsonata from "jsonata"
  export default jsonata
}
