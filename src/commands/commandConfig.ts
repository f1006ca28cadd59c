import { type Config, findMisspellings, readConfig } from '../config.ts';

/**
 * Reads the configuration of a command, and warns of misspelled variables on standard error. A command that ignored
 * `DATABASE_ULR` would silently change the embedded database instead.
 *
 * @throws InvalidConfig
 */
export function readCommandConfig(): Config {
  for (const misspelling of findMisspellings(process.env)) process.stderr.write(`${misspelling}\n`);
  return readConfig(process.env);
}
