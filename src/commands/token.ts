import { parseArgs } from 'node:util';
import { openDevelopmentIssuer } from '../auth/developmentIssuer.ts';
import { readCommandConfig } from './commandConfig.ts';

const USAGE = `Prints a bearer token of the development issuer.

  npm run -s token -- [--subject NAME] [--scope "order-items:read order-items:cancel"] [--expires-in SECONDS]
`;

try {
  const { values } = parseArgs({
    options: {
      subject: { type: 'string' },
      scope: { type: 'string' },
      'expires-in': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const expiresIn = values['expires-in'];
  if (expiresIn !== undefined && !/^-?\d{1,10}$/.test(expiresIn)) throw new Error('--expires-in takes whole seconds.');
  if (values.help === true) {
    process.stdout.write(USAGE);
  } else {
    const config = readCommandConfig();
    if (config.auth !== null) throw new Error(`Tokens come from ${config.auth.issuer}, because AUTH_ISSUER is set.`);
    const issuer = await openDevelopmentIssuer(config.dataDir);
    // npm consumes an option before the `--` and passes it on in this variable.
    const scope = values.scope ?? process.env['npm_config_scope'];
    const token = await issuer.issueToken({
      ...(values.subject === undefined ? {} : { subject: values.subject }),
      ...(scope === undefined || scope === '' ? {} : { scope }),
      ...(expiresIn === undefined ? {} : { expiresInSeconds: Number(expiresIn) }),
    });
    process.stdout.write(`${token}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 1;
}
