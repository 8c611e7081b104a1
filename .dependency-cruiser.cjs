/** The arrows of docs/architecture.md, enforced. @type {import('dependency-cruiser').IConfiguration} */
const inside = (folder) => ({ path: `^src/notifications/${folder}/` });

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'src-not-to-test', severity: 'error', from: { path: '^src' }, to: { path: '^test' } },
    {
      name: 'stream-and-broker-know-no-framework',
      comment: 'stream/ and broker/ know no Nest, no TypeORM and no HTTP',
      severity: 'error',
      from: { path: '^src/notifications/(stream|broker)/' },
      to: { path: ['node_modules/(@nestjs|typeorm|express|fastify)/', '^src/notifications/http/'] },
    },
    {
      name: 'stream-knows-the-inbox-by-its-types-only',
      severity: 'error',
      from: { path: '^src/notifications/(stream|broker)/' },
      to: { path: '^src/notifications/inbox/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-the-module-knows-http',
      severity: 'error',
      from: {
        path: '^src/notifications/',
        pathNot: '^src/notifications/(http/|notifications\\.module\\.ts|index\\.ts)',
      },
      to: inside('http'),
    },
    {
      name: 'inbox-knows-no-stream',
      severity: 'error',
      from: inside('inbox'),
      to: { path: '^src/notifications/(stream|broker|http)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'demo-uses-the-public-index',
      severity: 'error',
      from: { path: '^src/demo/' },
      to: { path: '^src/notifications/', pathNot: '^src/notifications/(index|redis|nats)\\.ts$' },
    },
    {
      name: 'library-knows-no-demo',
      severity: 'error',
      from: { path: '^src/(notifications|client)/' },
      to: { path: '^src/(demo|embedded-postgres)/' },
    },
    {
      name: 'client-knows-the-types-of-a-notification-only',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { path: '^src/notifications/(?!notification\\.ts$)' },
    },
    {
      name: 'client-takes-types-only',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { path: '^src/notifications/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'client-needs-nothing',
      comment: 'but the element, which is made with lit',
      severity: 'error',
      from: { path: '^src/client/', pathNot: '^src/client/element/' },
      to: { path: ['node_modules', '^src/client/element/'] },
    },
    {
      name: 'server-knows-no-client',
      severity: 'error',
      from: { path: '^src/notifications/' },
      to: { path: '^src/client/' },
    },
    {
      name: 'page-of-the-demo-uses-the-public-client',
      severity: 'error',
      from: { path: '^src/demo/page/' },
      to: { path: '^src/client/', pathNot: '^src/client/(element/)?index\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Projects of their own, with dependencies of their own.
    exclude: { path: '^test/(package/(crm|nest-1[12]|front-end)|hosts/fixtures)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
