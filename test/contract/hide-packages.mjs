// A module hook: the packages whose names are given are not installed.
// https://nodejs.org/docs/latest-v20.x/api/module.html#customization-hooks
let hidden = [];

export function initialize(names) {
  hidden = names;
}

export async function resolve(specifier, context, next) {
  if (!hidden.includes(specifier)) return next(specifier, context);
  const error = new Error(`Cannot find package '${specifier}' imported from ${context.parentURL}`);
  throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
}
