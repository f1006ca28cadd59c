import { closestMatch } from 'leven';

/** Short names have many neighbors, such as PATH and PORT. */
const SHORT_NAME = 8;

/**
 * Finds variables that are probably meant for this service but do not have the name of one: `AUTH_AUDIANCE`,
 * `LOCK_TIMEOUT`, `database_url`.
 *
 * @param given the names in the environment.
 * @param known the names that the service reads.
 * @returns one sentence for each, with the nearest known name.
 */
export function findMisspelledVariables(given: readonly string[], known: readonly string[]): string[] {
  const unknown = given.filter((name) => !known.includes(name));
  return unknown.flatMap((name) => {
    const meant = findNearest(name.toUpperCase(), known);
    return meant === undefined ? [] : [`${name} is not a variable of this service. Did you mean ${meant}?`];
  });
}

function findNearest(name: string, known: readonly string[]): string | undefined {
  const maxDistance = name.length < SHORT_NAME ? 1 : 2;
  return closestMatch(name, known, { maxDistance }) ?? known.find((other) => isWithoutPart(name, other));
}

/** Whether one name lacks the end of the other, as `LOCK_TIMEOUT` lacks that of `LOCK_TIMEOUT_MS`. One word is not enough. */
function isWithoutPart(name: string, other: string): boolean {
  const [shorter, longer] = name.length < other.length ? [name, other] : [other, name];
  return shorter.includes('_') && longer.startsWith(`${shorter}_`);
}
