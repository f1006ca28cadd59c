/** Files of src/order-items that may speak GraphQL or HTTP. Every other one there is the core, a new one too. */
const DOOR =
  '^src/order-items/(cacheTags|graphqlContext|lineItemRoutes|openApiRoute|overviewRoute|pageArguments|resolvers|resolverTypes\\.generated|scalars|schemaFields|subgraphSchema)\\.ts$';

const POLICY = '^src/order-items/(eligibility|refusals)\\.ts$';

/** GraphQL and HTTP. */
const PROTOCOL = [
  '^src/http/',
  '^node_modules/(@apollo|@fastify|fastify|graphql|graphql-scalars)/',
  '^(node:)?http[s2]?$',
];

/**
 * Which way dependencies point: main -> service -> everything; doors -> cancelOrderItems -> eligibility -> refusals.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
export default {
  forbidden: [
    {
      name: 'main-is-the-edge',
      comment: 'It starts the service; importing it would start one.',
      severity: 'error',
      from: {},
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'commands-are-the-edge',
      comment: 'As main: they use the others, the others do not know them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/commands/' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'service-is-the-root',
      comment: 'The composition root knows every part, so only the edge may know it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|greeting)\\.ts$' },
      to: { path: '^src/service\\.ts$' },
    },
    {
      name: 'foundations-know-no-domain',
      comment: 'Authentication, database, HTTP and telemetry serve the order items; they must not know them.',
      severity: 'error',
      from: { path: '^src/(auth|database|http|telemetry)/' },
      to: { path: '^src/order-items/' },
    },
    {
      name: 'foundations-know-no-protocol',
      comment: 'src/http translates what the others throw, so it knows them, not they it.',
      severity: 'error',
      from: { path: '^src/(auth|database|import|telemetry)/' },
      to: { path: PROTOCOL },
    },
    {
      name: 'policy-knows-itself-only',
      comment: 'The policy is a pure function of the item: nothing it imports could change its answer.',
      severity: 'error',
      from: { path: '^src/order-items/eligibility\\.ts$' },
      to: { pathNot: '^src/order-items/(orderItem|refusals)\\.ts$' },
    },
    {
      name: 'refusals-are-last',
      comment: 'Eligibility knows refusals, not the other way round, and refusals know nothing but the item.',
      severity: 'error',
      from: { path: '^src/order-items/refusals\\.ts$' },
      to: { pathNot: '^src/order-items/orderItem\\.ts$' },
    },
    {
      name: 'policy-imports-types',
      comment: 'Types only, so that the policy runs without anything else running.',
      severity: 'error',
      from: { path: POLICY },
      to: { pathNot: '^src/order-items/refusals\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-knows-no-door',
      comment: 'What cancels, lists and imports does so for every door alike. A new door is added to DOOR above.',
      severity: 'error',
      from: { path: '^src/(order-items|import)/', pathNot: DOOR },
      to: { path: DOOR },
    },
    {
      name: 'core-knows-no-protocol',
      comment: 'The core knows the database, never GraphQL or HTTP.',
      severity: 'error',
      from: { path: '^src/order-items/', pathNot: DOOR },
      to: { path: PROTOCOL },
    },
    {
      name: 'doors-cancel-through-the-transaction',
      comment: 'The statements are half of a cancel; whole it is in cancelOrderItems only.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/order-items/cancelOrderItems\\.ts$' },
      to: { path: '^src/order-items/cancelStatements\\.ts$' },
    },
    {
      name: 'migrations-stand-alone',
      comment: 'A migration does for ever what it did when it was written; code that changes would change it.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^src/' },
    },
    {
      name: 'no-tests-in-the-service',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-undeclared-dependencies',
      comment: 'An image of the service has the dependencies only, not those for development.',
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
      comment: 'A file that nothing imports and that imports nothing is dead, or misses its test.',
      severity: 'error',
      from: { orphan: true, path: '^(src|migrations)/' },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count too: a type of GraphQL in the core would be knowledge of GraphQL.
    tsPreCompilationDeps: true,
    // How Node resolves the packages that it loads here.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'default'] },
  },
};
