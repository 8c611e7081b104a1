// Module hooks for what docs/recipes.md shows: the library is this checkout's, and so is Nest, of which there must be one copy;
// all else comes from the packages that were fetched.
const [checkout, packages] = JSON.parse(process.env.RECIPE_FOLDERS).map(
  (path) => new URL(`file://${path}/package.json`).href,
);

export async function resolve(specifier, context, next) {
  if (/^(\.|\/|node:|file:)/.test(specifier)) return next(specifier, context);
  if (specifier === 'nestjs-crm-notifications')
    return next(new URL('src/notifications/index.ts', checkout).href, context);
  for (const parentURL of [checkout, packages]) {
    try {
      return await next(specifier, { ...context, parentURL });
    } catch {
      // The next one may have it.
    }
  }
  return next(specifier, context);
}
