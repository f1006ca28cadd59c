import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import graphqlEslint from '@graphql-eslint/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import { parse, printSchema, Source } from 'graphql';
import tseslint from 'typescript-eslint';

/** What TypeScript checks, and so what the rules that need types can read. */
const TYPESCRIPT = ['src/**/*.ts', 'migrations/**/*.ts', '{bench,soak,supergraph,test}/**/*.ts', '*.config.ts'];

const TAKE_A_CLOCK = 'Take a Clock (src/work/clock.ts) as an argument, so that a test can turn it.';

export default defineConfig(
  globalIgnores(['.data/', 'coverage/', 'schema/released/', 'src/order-items/graphql/resolverTypes.generated.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    name: 'every script',
    files: ['**/*.{js,cjs,ts}'],
    rules: {
      // `== null` is the one test for "left out or null", which GraphQL inputs can both be.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', 300],
      'no-empty': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    name: 'TypeScript',
    files: TYPESCRIPT,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // Type stripping leaves `import { type A }` behind as an import that runs; of `import type { A }` nothing is left.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',

      // Lengths count code points, as the contract has it, and a spread is how to count them.
      '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'lib', name: 'string' }] }],
      // The underscore marks what has to be named to be left out.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Fastify and Jest tell by `async` that a function takes no callback, whether or not it awaits anything.
      '@typescript-eslint/require-await': 'off',
      // A number in a message needs no ceremony. Everything else without a text form of its own still does.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],

      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'Export by name, so that a thing is called the same everywhere.',
        },
      ],
    },
  },
  {
    name: 'what runs in the service',
    files: ['src/**/*.ts'],
    ignores: ['src/commands/**'],
    rules: { 'no-console': 'error' },
  },
  {
    name: 'what takes its clock as an argument',
    files: ['src/**/*.ts'],
    // A page has no clock but the browser's.
    ignores: ['src/work/clock.ts', 'src/pages/browser/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'performance'].map((name) => ({ name, message: TAKE_A_CLOCK })),
      ],
      'no-restricted-properties': ['error', { object: 'Date', property: 'now', message: TAKE_A_CLOCK }],
      'no-restricted-imports': [
        'error',
        ...['node:timers', 'node:timers/promises'].map((name) => ({ name, message: TAKE_A_CLOCK })),
      ],
    },
  },
  {
    name: 'entity schemas',
    files: ['src/order-items/orderItemTables.ts'],
    // TypeORM declares the options of an EntitySchema as a class and documents them as an object literal.
    rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' },
  },
  {
    name: 'tests',
    files: ['{bench,soak,supergraph,test}/**/*.ts'],
    rules: {
      // An answer is `any` to a test: what it reads of it is what it asserts, and a wrong shape fails there.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    name: 'files whose tool loads the default export',
    files: ['*.config.ts', 'test/support/startPostgres.ts', 'test/support/stopPostgres.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    name: 'GraphQL schema',
    files: ['schema/**/*.graphql'],
    plugins: { '@graphql-eslint': graphqlEslint },
    languageOptions: {
      parser: graphqlEslint.parser,
      parserOptions: { schemaSdl: subgraphSdl() },
    },
    rules: {
      ...graphqlEslint.configs['flat/schema-recommended'].rules,
      ...graphqlEslint.configs['flat/schema-relay'].rules,
      '@graphql-eslint/input-name': 'error',
      '@graphql-eslint/no-scalar-result-type-on-mutation': 'error',
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          // A root type is every subgraph's: one that described it would describe it for all the others.
          ignoredSelectors: ['ObjectTypeDefinition[name.value=/^(Query|Mutation)$/]'],
        },
      ],

      // A line is enough for most fields; types and longer texts have blocks.
      '@graphql-eslint/description-style': 'off',
      // Only entities have an id. Money, a page or an answer has none.
      '@graphql-eslint/strict-id-in-types': 'off',
      // Lists are read forwards, and short ones, such as blockers and results, are plain lists.
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      '@graphql-eslint/relay-edge-types': [
        'error',
        { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
      ],
    },
  },
);

/** The whole schema with the definitions of the federation directives, which the files only `@link` to. */
function subgraphSdl() {
  const files = globSync(path.join(import.meta.dirname, 'schema/*.graphql'));
  return printSchema(buildSubgraphSchema(files.map((file) => parse(new Source(readFileSync(file, 'utf8'), file)))));
}
