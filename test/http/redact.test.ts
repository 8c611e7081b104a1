import { expect, test } from '@jest/globals';
import { describeWithoutCredentials, urlWithoutToken } from '../../src/notifications/http/redact.js';

const REQUEST = {
  headers: {
    authorization: 'Bearer opaque+access/token==',
    cookie: 'theme=dark; sid=abcdef123456; __Host-x="quoted-value"',
  },
  query: { token: 'to/ken', limit: '3' },
};

// Each in the only form that one of the rules knows.
test.each([
  ['the header', 'sent Bearer opaque+access/token==', 'sent […]'],
  ['the token of the header', 'bad opaque+access/token==!', 'bad […]!'],
  ['the cookie header', `got ${REQUEST.headers.cookie}`, 'got […]'],
  ['one cookie', 'no sid=abcdef123456 here', 'no […] here'],
  ['the value of a cookie', 'no abcdef123456 here', 'no […] here'],
  ['the token of the URL, decoded', 'no to/ken here', 'no […] here'],
  ['the token of the URL, as it stands there', 'GET /stream?token=to%2Fken&limit=3', 'GET /stream?token=[…]&limit=3'],
  ['a JWT from anywhere', 'refresh eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. failed', 'refresh […] failed'],
])('%s is left out', (_, message, expected) => {
  const text = describeWithoutCredentials(new Error(message), REQUEST);
  expect(text.split('\n')[0]).toBe(`Error: ${expected}`);
  expect(text).toContain('redact.test.ts');
});

test('what is no credential stays: short values occur in any text', () => {
  expect(describeWithoutCredentials('dark limit=3', REQUEST)).toBe('string thrown: dark limit=3');
});

test.each([[{ headers: {}, query: undefined }], [{ headers: {}, query: null }], [{ headers: {}, query: {} }]])(
  'a request like %j is no problem',
  (request) => {
    expect(describeWithoutCredentials(new Error('a-token'), request)).toMatch(/^Error: a-token\n/);
  },
);

test.each([
  ['/notifications/stream?token=a.b-c_d&lastEventId=3', '/notifications/stream?token=[…]&lastEventId=3'],
  ['https://crm.example.com/n/stream?x=1&token=a%2Fb#end', 'https://crm.example.com/n/stream?x=1&token=[…]'],
  ['/stream?%74oken=abc&token=def', '/stream?token=[…]&token=[…]'],
  ['/stream?mytoken=abc&q=token=x', '/stream?mytoken=abc&q=token=x'],
  ['/stream?token', '/stream?token=[…]'],
  ['/token=abc', '/token=abc'],
  ['', ''],
])('the token of the URL %s is left out', (url, expected) => {
  expect(urlWithoutToken(url)).toBe(expected);
});
