import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import type { RestAnswer } from './testService.ts';

type Json = Readonly<Record<string, unknown>>;

const DOCUMENT_ID = 'openapi.yaml';

/** `schema/openapi.yaml`, the published form of the REST contract. */
export const openApi: Json = objectOf(
  parse(readFileSync(path.join(import.meta.dirname, '../../schema/openapi.yaml'), 'utf8')),
);

const bodies = validatorsWith({});
// A header is text; the schema says what the text has to stand for.
const headers = validatorsWith({ coerceTypes: true });

/**
 * Holds an answer against the published contract: its status is documented for the operation, its content type and body
 * are as documented for the status, and so are its headers, those that are required being there.
 *
 * @param method such as `POST`. An answer 405 to a method without an operation is held against that of the path's others.
 * @param pathTemplate as the document writes it.
 */
export function expectDocumented(method: string, pathTemplate: string, answer: RestAnswer): void {
  const operations = follow(['paths', pathTemplate]);
  const name = method.toLowerCase();
  const operation = name in operations.value || answer.status !== 405 ? name : methodsOf(operations.value)[0];
  const place = [...operations.place, operation ?? name, 'responses', String(answer.status)];
  if (!exists(place)) throw new Error(`${method} ${pathTemplate} does not document the status ${answer.status}.`);
  const response = follow(place);

  expectHeaders(response.place, answer.headers);
  // RFC 9110 section 9.3.2: an answer to HEAD has no body.
  if (method === 'HEAD') {
    expect(answer.body).toBeNull();
    return;
  }
  const mediaType = mediaTypeOf(answer);
  const content = [...response.place, 'content', mediaType, 'schema'];
  if (!exists(content)) throw new Error(`${method} ${pathTemplate} documents no ${mediaType} for ${answer.status}.`);
  expectValid(bodies, content, answer.body, `The body of ${method} ${pathTemplate} ${answer.status}`);
}

/** Holds an answer against the form that every error has, on a path that the document does not have too. */
export function expectErrorForm(answer: RestAnswer): void {
  expect(mediaTypeOf(answer)).toBe('application/json');
  expectValid(bodies, ['components', 'schemas', 'Error'], answer.body, 'The body of an error');
  expect(answer.headers.get('x-request-id')).toBe(answer.body.request_id);
}

/** A named example of an operation's answer, as the document has it. */
export function documentedExample(method: string, pathTemplate: string, status: number, name: string): unknown {
  const response = follow(['paths', pathTemplate, method.toLowerCase(), 'responses', String(status)]);
  return follow([...response.place, 'content', 'application/json', 'examples', name]).value['value'];
}

/** Every operation's answers, for what has to hold for all of them. */
export function documentedAnswers(): { method: string; pathTemplate: string; status: number; examples: Json }[] {
  return Object.keys(follow(['paths']).value).flatMap((pathTemplate) =>
    methodsOf(follow(['paths', pathTemplate]).value).flatMap((method) =>
      Object.keys(follow(['paths', pathTemplate, method, 'responses']).value).map((status) => {
        const response = follow(['paths', pathTemplate, method, 'responses', status]);
        const content = follow([...response.place, 'content', 'application/json']);
        return {
          method: method.toUpperCase(),
          pathTemplate,
          status: Number(status),
          examples: objectOf(content.value['examples'] ?? {}),
        };
      }),
    ),
  );
}

/** The required headers of an operation's answer, in lower case. */
export function requiredHeaders(method: string, pathTemplate: string, status: number): string[] {
  const response = follow(['paths', pathTemplate, method.toLowerCase(), 'responses', String(status)]);
  return Object.keys(objectOf(response.value['headers'] ?? {}))
    .filter((name) => follow([...response.place, 'headers', name]).value['required'] === true)
    .map((name) => name.toLowerCase());
}

/** Whether a request body is one that the document lets a client send. */
export function isDocumentedCancelBody(body: unknown): boolean {
  return validatorOf(bodies, ['components', 'schemas', 'CancelRequest'])(body);
}

function expectHeaders(response: readonly string[], given: Headers): void {
  for (const name of Object.keys(objectOf(follow(response).value['headers'] ?? {}))) {
    const header = follow([...response, 'headers', name]);
    const value = given.get(name);
    if (value !== null) {
      expectValid(headers, [...header.place, 'schema'], value, `The header ${name}`);
    } else if (header.value['required'] === true) {
      throw new Error(`The answer lacks the header ${name}.`);
    }
  }
}

function expectValid(validators: Ajv2020, place: readonly string[], value: unknown, what: string): void {
  const isValid = validatorOf(validators, place);
  if (!isValid(value)) {
    throw new Error(`${what} is not as documented: ${validators.errorsText(isValid.errors)}\n${JSON.stringify(value)}`);
  }
}

function validatorOf(validators: Ajv2020, place: readonly string[]): ValidateFunction {
  const pointer = place.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  const reference = `${DOCUMENT_ID}#/${pointer}`;
  return validators.getSchema(reference) ?? validators.compile({ $ref: reference });
}

function validatorsWith(options: Options): Ajv2020 {
  // `allOf` states a type once for all its members.
  const validators = new Ajv2020({ allErrors: true, strictTypes: false, ...options });
  addFormats.default(validators);
  // The document itself is no schema; Ajv passes through it on the way to those in it.
  validators.addVocabulary(Object.keys(openApi));
  validators.addSchema(openApi, DOCUMENT_ID);
  return validators;
}

function methodsOf(pathItem: Json): string[] {
  return ['get', 'put', 'post', 'delete', 'patch'].filter((method) => method in pathItem);
}

function mediaTypeOf({ headers: given }: RestAnswer): string {
  return given.get('content-type')?.split(';', 1)[0]?.trim() ?? 'no content type';
}

function exists(place: readonly string[]): boolean {
  try {
    follow(place);
    return true;
  } catch {
    return false;
  }
}

/** The object at a place in the document, or where its `$ref` leads. @throws where there is none. */
function follow(place: readonly string[]): { place: readonly string[]; value: Json } {
  const value = objectOf(place.reduce<unknown>((parent, key) => objectOf(parent)[key], openApi));
  const reference = value['$ref'];
  return typeof reference === 'string' ? follow(reference.replace(/^#\//, '').split('/')) : { place, value };
}

function objectOf(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw new Error('The OpenAPI document has no object there.');
  return value as Json;
}
