/** As `engines` in package.json. */
const LEAST_VERSION = [20, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1])) {
  throw new Error(
    `nestjs-crm-notifications needs Node.js ${LEAST_VERSION.join('.')} or later, and this is ${process.versions.node}. Upgrade Node.js.`,
  );
}
