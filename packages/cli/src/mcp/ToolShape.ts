/** JSON Schemas (draft 2020-12) of what tools take and give, which the protocol wants to be of objects. */
/** A JSON Schema of objects. */
export interface ObjectShape {
  readonly type: "object"
  readonly properties: Readonly<Record<string, object>>
  readonly required: ReadonlyArray<string>
  readonly additionalProperties?: boolean | object
  readonly $defs?: Readonly<Record<string, object>>
}

/** A JSON Schema with its definitions. */
export interface Document {
  readonly schema: object
  readonly definitions: Readonly<Record<string, object>>
}

/** What takes anything. */
export const anything: Document = { schema: {}, definitions: {} }

/** The schema as one of objects, where it says by itself which properties there are. */
export const asObject = ({ definitions, schema }: Document): ObjectShape | undefined => {
  const { $ref: _, ...own } = { ...schema, ...referred(schema, definitions) } as {
    readonly $ref?: string
    readonly type?: string
    readonly properties?: Readonly<Record<string, object>>
    readonly required?: ReadonlyArray<string>
  }
  return own.type === "object" && own.properties !== undefined
    ? { ...own, type: "object", properties: own.properties, required: own.required ?? [], ...defs(definitions) }
    : undefined
}

/** The same without what it does not name. A schema that leaves it open passes over it, and a name that was mistyped with it. */
export const closed = (shape: ObjectShape): ObjectShape =>
  typeof shape.additionalProperties === "object" || "patternProperties" in shape
    ? shape
    : { ...shape, additionalProperties: false }

/** A property of an object, with the definitions that it may refer to. */
export const property = (document: Document, name: string): Document | undefined => {
  const schema = asObject(document)?.properties[name]
  return schema === undefined ? undefined : { schema, definitions: document.definitions }
}

/** An object with more properties. */
export const withProperties = (
  shape: ObjectShape,
  properties: Readonly<Record<string, object>>,
  required: ReadonlyArray<string> = []
): ObjectShape => ({
  ...shape,
  properties: { ...shape.properties, ...properties },
  required: [...shape.required, ...required]
})

/** An object of these properties and no others. */
export const objectOf = (
  properties: Readonly<Record<string, Document>>,
  required: ReadonlyArray<string> = []
): ObjectShape => ({
  type: "object",
  properties: Object.fromEntries(Object.entries(properties).map(([name, { schema }]) => [name, schema])),
  required,
  additionalProperties: false,
  ...defs(Object.assign({}, ...Object.values(properties).map(({ definitions }) => definitions)))
})

/** As it is sent: an empty list of what is required says nothing. */
export const sent = ({ required, ...shape }: ObjectShape) => ({
  ...shape,
  properties: { ...shape.properties },
  ...(required.length === 0 ? {} : { required: [...required] })
})

/** The text of a field for whoever reads the schema. */
export const described = (schema: object, description: string): object => ({ ...schema, description })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const defs = (definitions: Document["definitions"]): Pick<ObjectShape, "$defs"> =>
  Object.keys(definitions).length === 0 ? {} : { $defs: definitions }

const referred = (schema: object, definitions: Document["definitions"]): object | undefined => {
  const name = "$ref" in schema && typeof schema.$ref === "string"
    ? /^#\/\$defs\/([^/]+)$/.exec(schema.$ref)?.[1]
    : undefined
  return name === undefined ? undefined : definitions[name.replaceAll("~1", "/").replaceAll("~0", "~")]
}
