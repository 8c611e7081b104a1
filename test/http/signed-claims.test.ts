import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { jwtVerify, SignJWT } from 'jose';
import { claimedBy, SignedClaims } from '../../src/notifications/http/signed-claims.js';

const KEY = new Uint8Array(32).fill(7);
const CLAIMS = { recipient: 'Änne 好', tenant: '', aud: 'notifications:stream', exp: 4_102_444_800.5, n: 1 };

const signed = new SignedClaims(KEY);

/** A token that is signed rightly, whatever stands in it. */
function forge(header: unknown, payload: unknown, { hash = 'sha256', key = KEY } = {}): string {
  const text = [header, payload].map((part) => {
    return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  });
  return `${text.join('.')}.${createHmac(hash, key).update(text.join('.')).digest('base64url')}`;
}

const HS256 = { alg: 'HS256', typ: 'JWT' };
const TOKEN = signed.sign(CLAIMS);
const [HEADER = '', PAYLOAD = '', SIGNATURE = ''] = TOKEN.split('.');

test('what it signs it verifies, and so does jose', async () => {
  expect(signed.verify(TOKEN)).toEqual(CLAIMS);
  const { payload, protectedHeader } = await jwtVerify(TOKEN, KEY);
  expect(payload).toEqual(CLAIMS);
  expect(protectedHeader).toEqual(HS256);
});

test('what jose signs it verifies, whatever else the header says', async () => {
  for (const header of [{ alg: 'HS256' }, { typ: 'JWT', alg: 'HS256', kid: 'x' }]) {
    expect(signed.verify(await new SignJWT(CLAIMS).setProtectedHeader(header).sign(KEY))).toEqual(CLAIMS);
  }
});

describe('refuses', () => {
  test.each<[string, string]>([
    ['nothing', ''],
    ['dots alone', '..'],
    ['no JWT', 'abc'],
    ['two parts', `${HEADER}.${PAYLOAD}`],
    ['the signature of a part', forge('x', 'y').split('.').slice(1).join('.')],
    ['the signature alone', SIGNATURE],
    ['no signature', `${HEADER}.${PAYLOAD}.`],
    ['a truncated signature', TOKEN.slice(0, -1)],
    ['a longer signature', `${TOKEN}A`],
    ['another signature', `${HEADER}.${PAYLOAD}.${SIGNATURE.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`],
    ['a padded signature', `${TOKEN}=`],
    ['a signature with what is no base64url', `${HEADER}.${PAYLOAD}.!${SIGNATURE}`],
    ['spaces around', ` ${TOKEN} `],
    ['another spelling of the signature', `${TOKEN.slice(0, -1)}${neighbour(TOKEN.at(-1) as string)}`],
    ['another payload', `${HEADER}.${Buffer.from('{"n":2}').toString('base64url')}.${SIGNATURE}`],
    ['another key', forge(HS256, CLAIMS, { key: new Uint8Array(32).fill(8) })],
    ['an empty key', forge(HS256, CLAIMS, { key: new Uint8Array() })],
    ['another algorithm', forge({ alg: 'HS512' }, CLAIMS, { hash: 'sha512' })],
    ['another algorithm by name', forge({ alg: 'HS512' }, CLAIMS)],
    ['no algorithm', forge({ typ: 'JWT' }, CLAIMS)],
    ['alg none', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${PAYLOAD}.`],
    ['alg none, signed', forge({ alg: 'none' }, CLAIMS)],
    ['what must be understood, and is not', forge({ ...HS256, crit: ['exp2'], exp2: 1 }, CLAIMS)],
    ['what must be understood, and is nothing', forge({ ...HS256, crit: [] }, CLAIMS)],
    ['an unencoded payload', forge({ ...HS256, crit: ['b64'], b64: false }, CLAIMS)],
    ['a header that is no JSON', forge('HS256', CLAIMS)],
    ['a header that is null', forge('null', CLAIMS)],
    ['a payload that is no JSON', forge(HS256, '{"n":')],
    ['an empty payload', forge(HS256, '')],
    ['a payload that is no object', forge(HS256, '"text"')],
    ['a payload that is null', forge(HS256, 'null')],
    ['a part too many', fourParts()],
    ['a dot in front', `.${TOKEN}`],
    ['a dot behind', `${TOKEN}.`],
  ])('%s', (_, token) => {
    expect(signed.verify(token)).toBeNull();
  });
});

test('says what a JWT claims, whoever signed it, and never throws', () => {
  expect(claimedBy(TOKEN)).toEqual(CLAIMS);
  expect(claimedBy(forge({ alg: 'none' }, { n: 1 }, { key: new Uint8Array() }))).toEqual({ n: 1 });
  for (const token of [
    '',
    '.',
    '..',
    'abc',
    `${HEADER}.${PAYLOAD}`,
    fourParts(),
    forge(HS256, 'null'),
    forge(HS256, '{'),
  ]) {
    expect(claimedBy(token)).toBeNull();
  }
});

/** Rightly signed as well. */
function fourParts(): string {
  const text = `${HEADER}.${PAYLOAD}.e30`;
  return `${text}.${createHmac('sha256', KEY).update(text).digest('base64url')}`;
}

/** Of the last character of 32 bytes in base64url the two lowest bits mean nothing. */
function neighbour(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(character) ^ 1] as string;
}
