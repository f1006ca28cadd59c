import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const DOCUMENT_ID = 'asyncapi.yaml';

interface AsyncApi {
  readonly components: { readonly messages: Readonly<Record<string, AsyncMessage>> };
}

/** A message of the document. */
export interface AsyncMessage {
  readonly name: string;
  readonly payload: { readonly $ref: string };
  readonly examples: readonly { readonly name: string; readonly payload: unknown }[];
}

/** The published contract of events, `schema/asyncapi.yaml`. */
const asyncApi = parse(readFileSync(path.join(import.meta.dirname, '../../schema/asyncapi.yaml'), 'utf8')) as AsyncApi;

/** The messages of the document. Each is named after the type of its events. */
export const asyncMessages: readonly AsyncMessage[] = Object.values(asyncApi.components.messages);

// The members of `allOf` need not repeat the type.
const validators = new Ajv2020({ allErrors: true, strictTypes: false });
addFormats.default(validators);
// The document is not a schema itself. These keywords let Ajv pass through to the schemas in it.
validators.addVocabulary(Object.keys(asyncApi));
validators.addSchema(asyncApi, DOCUMENT_ID);

/** Finds out in what an event differs from the message of its type. @returns null if it conforms. */
export function findEventDefects(event: unknown): string | null {
  const type = typeof event === 'object' && event !== null && 'type' in event ? event.type : undefined;
  const message = asyncMessages.find(({ name }) => name === type);
  if (message === undefined) return `no message has the name ${String(type)}`;
  const reference = `${DOCUMENT_ID}${message.payload.$ref}`;
  const validate = validators.getSchema(reference) ?? validators.compile({ $ref: reference });
  return validate(event) === true ? null : validators.errorsText(validate.errors);
}
