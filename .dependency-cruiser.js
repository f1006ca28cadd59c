/** The parts that would serve any domain. They have no knowledge of order items. */
const ENGINES = '^src/(auth|database|embedded-postgres|graphql|http|telemetry|work)/';

/** The doors of the domain: the only files below src/order-items/ that may speak GraphQL or HTTP. */
const DOORS = '^src/order-items/(graphql|rest)/';

/** The domain without its doors. */
const CORE = '^src/order-items/[^/]+\\.ts$';

const POLICY = '^src/order-items/(eligibility|refusals)\\.ts$';

/** GraphQL and HTTP. */
const PROTOCOL = [
  '^src/(graphql|http)/',
  '^node_modules/(@apollo|@fastify|fastify|graphql|graphql-scalars)/',
  '^(node:)?http[s2]?$',
];

/**
 * Dependencies point one way: main -> service -> doors -> core -> work, database. docs/architecture.md explains the folders.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
export default {
  forbidden: [
    {
      name: 'main-is-the-edge',
      comment: 'Importing main.ts would start a service.',
      severity: 'error',
      from: {},
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'commands-are-the-edge',
      comment: 'Commands use the other folders. No other folder uses a command.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/commands/' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'service-is-the-root',
      comment: 'Only the process edge imports the composition root.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|greeting|service)\\.ts$' },
      to: { path: '^src/(service|routes)\\.ts$' },
    },
    {
      name: 'engines-know-no-domain',
      comment: 'Engines serve any domain. The domain plugs into them, and service.ts connects both.',
      severity: 'error',
      from: { path: ENGINES },
      to: { path: '^src/(events|order-items|import|demonstration|pages|commands)/' },
    },
    {
      name: 'events-know-their-form-only',
      comment: 'Events are read from the outbox, whoever writes it. They know of order items only what an event says.',
      severity: 'error',
      from: { path: '^src/events/' },
      to: { path: '^src/(order-items|import|demonstration|pages|commands|graphql)/' },
    },
    {
      name: 'cancels-know-no-reader-of-events',
      comment: 'A cancel writes its event and is done. openEvents.ts connects it with what reads events.',
      severity: 'error',
      from: { path: '^src/(order-items|import|demonstration)/' },
      to: { path: '^src/events/' },
    },
    {
      name: 'configuration-is-assembled-last',
      comment: 'A configuration type lives with its consumer. config.ts assembles them, so folders do not import it.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/commands/' },
      to: { path: '^src/config\\.ts$' },
    },
    {
      name: 'work-knows-no-database',
      comment: 'Deadlines, batching and the lock queue work for any resource, so they know no SQL.',
      severity: 'error',
      from: { path: '^src/work/' },
      to: { path: ['^src/(?!work/)', '^node_modules/(pg|typeorm)/'] },
    },
    {
      name: 'foundations-know-no-protocol',
      comment: 'Only src/http and src/graphql translate errors into responses.',
      severity: 'error',
      from: { path: '^src/(auth|database|embedded-postgres|import|telemetry|work)/' },
      to: { path: PROTOCOL },
    },
    {
      name: 'http-knows-no-graphql',
      comment: 'The HTTP server carries both doors. Apollo Server is one of its users.',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: ['^src/graphql/', '^node_modules/(@apollo|graphql)/'] },
    },
    {
      name: 'policy-knows-itself-only',
      comment: 'The policy is a pure function of the item. Nothing that it imports may change its answer.',
      severity: 'error',
      from: { path: '^src/order-items/eligibility\\.ts$' },
      to: { pathNot: '^src/order-items/(orderItem|refusals)\\.ts$' },
    },
    {
      name: 'refusals-are-last',
      comment: 'Eligibility imports refusals, never the reverse. Refusals import only the item.',
      severity: 'error',
      from: { path: '^src/order-items/refusals\\.ts$' },
      to: { pathNot: '^src/order-items/orderItem\\.ts$' },
    },
    {
      name: 'policy-imports-types',
      comment: 'The policy imports types only, so it runs without any other module.',
      severity: 'error',
      from: { path: POLICY },
      to: { pathNot: '^src/order-items/refusals\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-knows-no-door',
      comment: 'The core serves every door alike.',
      severity: 'error',
      from: { path: [CORE, '^src/import/'] },
      to: { path: DOORS },
    },
    {
      name: 'core-knows-no-protocol',
      comment: 'The core knows the database, but neither GraphQL nor HTTP.',
      severity: 'error',
      from: { path: CORE },
      to: { path: PROTOCOL },
    },
    {
      name: 'doors-are-apart',
      comment: 'Both doors translate the same outcomes. A door that imports the other would depend on its protocol.',
      severity: 'error',
      from: { path: '^src/order-items/(graphql|rest)/' },
      to: { path: '^src/order-items/(graphql|rest)/', pathNot: '^src/order-items/$1/' },
    },
    {
      name: 'cancels-go-through-the-transaction',
      comment: 'The statements are half of a cancel. Only cancelTransaction.ts runs the whole of it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/order-items/(cancelTransaction|judgeCancels|distributedCancelSql)\\.ts$' },
      to: { path: '^src/order-items/(cancelSql|distributedCancelSql)\\.ts$' },
    },
    {
      name: 'folders-point-one-way',
      comment: 'Two folders that import each other are one folder. Move the shared part below both.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^src' },
      to: { circular: true },
    },
    {
      name: 'migrations-stand-alone',
      comment: 'A migration never changes what it does. Code that changes would change it.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^src/' },
    },
    {
      name: 'no-programs-in-the-service',
      comment: 'Tests, benchmarks, the soak and the supergraph example use the service. It knows none of them.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(bench|soak|supergraph|test)/' },
    },
    {
      name: 'no-undeclared-dependencies',
      comment: 'An image of the service contains no development dependencies.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that imports nothing and that nothing imports is dead, or its test is missing.',
      severity: 'error',
      from: { orphan: true, path: '^(src|migrations)/' },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count: a GraphQL type in the core would be knowledge of GraphQL.
    tsPreCompilationDeps: true,
    // Node resolves the packages in this way.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'default'] },
  },
};
