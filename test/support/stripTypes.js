import { stripTypeScriptTypes } from 'node:module';

/** Jest sees what Node runs: the sources without their types, nothing else changed. */
export default {
  process: (source) => ({ code: stripTypeScriptTypes(source) }),
};
