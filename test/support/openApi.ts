import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import type { RestAnswer } from './testService.ts';

type Json = Readonly<Record<string, unknown>>;

const DOCUMENT_ID = 'openapi.yaml';

/** The published REST contract, `schema/openapi.yaml`. */
export const openApi: Json = requireObject(
  parse(readFileSync(path.join(import.meta.dirname, '../../schema/openapi.yaml'), 'utf8')),
);

const bodies = validatorsWith({});
// Headers are texts, so the validators convert them to the types of the schema.
const headers = validatorsWith({ coerceTypes: true });

/**
 * Expects that an answer conforms to the published contract: status, content type, body and headers.
 *
 * @param method such as `POST`. A 405 to a method without an operation must conform to that of the path's other methods.
 * @param pathTemplate is written as in the document.
 */
export function expectDocumented(method: string, pathTemplate: string, answer: RestAnswer): void {
  const operations = follow(['paths', pathTemplate]);
  const name = method.toLowerCase();
  const operation = name in operations.value || answer.status !== 405 ? name : listMethods(operations.value)[0];
  const place = [...operations.place, operation ?? name, 'responses', String(answer.status)];
  if (!exists(place)) throw new Error(`${method} ${pathTemplate} does not document the status ${answer.status}.`);
  const response = follow(place);

  expectHeaders(response.place, answer.headers);
  // RFC 9110 section 9.3.2: an answer to HEAD has no body.
  if (method === 'HEAD') {
    expect(answer.body).toBeNull();
    return;
  }
  const mediaType = readMediaType(answer);
  const content = [...response.place, 'content', mediaType, 'schema'];
  if (!exists(content)) throw new Error(`${method} ${pathTemplate} documents no ${mediaType} for ${answer.status}.`);
  expectValid(bodies, content, answer.body, `The body of ${method} ${pathTemplate} ${answer.status}`);
}

/** Expects the documented form of errors, also for paths outside the document. */
export function expectErrorForm(answer: RestAnswer): void {
  expect(readMediaType(answer)).toBe('application/json');
  expectValid(bodies, ['components', 'schemas', 'Error'], answer.body, 'The body of an error');
  expect(answer.headers.get('x-request-id')).toBe(answer.body.request_id);
}

/** Returns a named example of an operation's answer. */
export function documentedExample(method: string, pathTemplate: string, status: number, name: string): unknown {
  const response = follow(['paths', pathTemplate, method.toLowerCase(), 'responses', String(status)]);
  return follow([...response.place, 'content', 'application/json', 'examples', name]).value['value'];
}

/** Returns the documented answers of all operations. */
export function documentedAnswers(): { method: string; pathTemplate: string; status: number; examples: Json }[] {
  return Object.keys(follow(['paths']).value).flatMap((pathTemplate) =>
    listMethods(follow(['paths', pathTemplate]).value).flatMap((method) =>
      Object.keys(follow(['paths', pathTemplate, method, 'responses']).value).map((status) => {
        const response = follow(['paths', pathTemplate, method, 'responses', status]);
        const content = follow([...response.place, 'content', 'application/json']);
        return {
          method: method.toUpperCase(),
          pathTemplate,
          status: Number(status),
          examples: requireObject(content.value['examples'] ?? {}),
        };
      }),
    ),
  );
}

/** Returns the required headers of an operation's answer, in lower case. */
export function requiredHeaders(method: string, pathTemplate: string, status: number): string[] {
  const response = follow(['paths', pathTemplate, method.toLowerCase(), 'responses', String(status)]);
  return Object.keys(requireObject(response.value['headers'] ?? {}))
    .filter((name) => follow([...response.place, 'headers', name]).value['required'] === true)
    .map((name) => name.toLowerCase());
}

/** Whether the document allows a request body. */
export function isDocumentedCancelBody(body: unknown): boolean {
  return findValidator(bodies, ['components', 'schemas', 'CancelRequest'])(body);
}

function expectHeaders(response: readonly string[], given: Headers): void {
  for (const name of Object.keys(requireObject(follow(response).value['headers'] ?? {}))) {
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
  const isValid = findValidator(validators, place);
  if (!isValid(value)) {
    throw new Error(`${what} is not as documented: ${validators.errorsText(isValid.errors)}\n${JSON.stringify(value)}`);
  }
}

function findValidator(validators: Ajv2020, place: readonly string[]): ValidateFunction {
  const pointer = place.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  const reference = `${DOCUMENT_ID}#/${pointer}`;
  return validators.getSchema(reference) ?? validators.compile({ $ref: reference });
}

function validatorsWith(options: Options): Ajv2020 {
  // The members of `allOf` need not repeat the type.
  const validators = new Ajv2020({ allErrors: true, strictTypes: false, ...options });
  addFormats.default(validators);
  // The document is not a schema itself. These keywords let Ajv pass through to the schemas in it.
  validators.addVocabulary(Object.keys(openApi));
  validators.addSchema(openApi, DOCUMENT_ID);
  return validators;
}

function listMethods(pathItem: Json): string[] {
  return ['get', 'put', 'post', 'delete', 'patch'].filter((method) => method in pathItem);
}

function readMediaType({ headers: given }: RestAnswer): string {
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

/** Finds the object at a place in the document and follows its `$ref`. @throws if there is none. */
function follow(place: readonly string[]): { place: readonly string[]; value: Json } {
  const value = requireObject(place.reduce<unknown>((parent, key) => requireObject(parent)[key], openApi));
  const reference = value['$ref'];
  return typeof reference === 'string' ? follow(reference.replace(/^#\//, '').split('/')) : { place, value };
}

function requireObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw new Error('The OpenAPI document has no object there.');
  return value as Json;
}
