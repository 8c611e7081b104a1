/** Jest's own is not there in `npm run fuzz`. */
export function expect(condition: boolean, what: string, ...details: unknown[]): asserts condition {
  if (!condition) throw new Error([what, ...details.map((detail) => JSON.stringify(detail))].join(' '));
}
