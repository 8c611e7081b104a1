import fc from 'fast-check';

/** Strings that have broken parsers before: no ASCII, halves of pairs, U+0000, control characters, names of Object's own. */
export const text = (maxLength = 40) =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength }),
    fc.string({ unit: 'grapheme-ascii', maxLength }),
    // UTF-16 code units, so that lone surrogates are among them.
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((units) => String.fromCharCode(...units)),
    fc.constantFrom(
      '',
      '\0',
      '\ud800',
      '__proto__',
      'constructor',
      'toString',
      '-1',
      '0',
      '1e309',
      'NaN',
      ' 1',
      '1\n',
      '१',
    ),
  );

/** Strings that Postgres stores. */
export const storable = (constraints: { minLength?: number; maxLength?: number } = {}) =>
  fc.string({ unit: 'binary', maxLength: 40, ...constraints }).map((string) => string.replaceAll('\0', '0'));

/** JSON of any kind, with keys that the parsers know among the others. */
export const json = (keys: readonly string[] = []): fc.Arbitrary<unknown> =>
  jsonOf(keys.length > 0 ? fc.oneof(fc.constantFrom(...keys), text(10)) : text(10), text());

/** JSON of any kind that Postgres stores. */
export const storableJson = jsonOf(storable({ maxLength: 10 }), storable());

function jsonOf(key: fc.Arbitrary<string>, string: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(
        string,
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constantFrom(null, 0, -0, 1e15, 2 ** 53, -1, 1.5, 1e300, 5e-324),
      ),
      fc.array(tie('value'), { maxLength: 6 }),
      fc.dictionary(key, tie('value'), { maxKeys: 6 }),
    ),
  })).value;
}

/** A valid object of which some fields are something else, or missing, or there are more. */
export const spoiled = (valid: fc.Arbitrary<object>): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .tuple(
      valid,
      fc.array(
        fc.record({
          at: fc.nat(),
          how: fc.constantFrom('drop', 'replace', 'nest', 'add'),
          value: json(),
          key: text(12),
        }),
        { maxLength: 3 },
      ),
    )
    .map(([object, changes]) => {
      const copy: Record<string, unknown> = { ...object };
      for (const { at, how, value, key } of changes) {
        const keys = Object.keys(copy);
        const name = keys[at % Math.max(1, keys.length)] ?? 'x';
        if (how === 'drop') delete copy[name];
        else if (how === 'replace') copy[name] = value;
        else if (how === 'nest') copy[name] = [copy[name], value];
        else copy[key] = value;
      }
      return copy;
    });

/** A valid text with some of its bits flipped, cut off, repeated, or with a piece of another one in it. */
export const mutated = (valid: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      valid,
      valid,
      fc.array(
        fc.record({
          how: fc.constantFrom('flip', 'cut', 'splice', 'repeat', 'insert'),
          at: fc.nat(),
          by: fc.nat(),
          value: text(8),
        }),
        { maxLength: 4 },
      ),
    )
    .map(([given, other, changes]) => {
      let bytes = Buffer.from(given);
      for (const { how, at, by, value } of changes) {
        const from = at % (bytes.length + 1);
        const to = from + (by % (bytes.length - from + 1));
        if (how === 'flip' && from < bytes.length) bytes[from] = (bytes[from] as number) ^ (1 << (by % 8));
        else if (how === 'cut') bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
        else if (how === 'splice')
          bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(other).subarray(by % (other.length + 1))]);
        else if (how === 'repeat') bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
        else bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(value), bytes.subarray(from)]);
      }
      return bytes.toString();
    });
