import { describe, expect, test } from '@jest/globals';
import type { Identity, NotificationsOptions } from '../../src/notifications/notifications.options.js';
import { HttpApp } from './support/http-app.js';

const LONG = 'x'.repeat(16);
const authenticate = (): Identity => ({ recipient: 'ann' });

describe('the application does not start', () => {
  test.each<[string, NotificationsOptions, RegExp]>([
    [
      'without authenticate and jwt',
      { streamToken: { secret: LONG } },
      /exactly one of authenticate.*neither is given/,
    ],
    [
      'with authenticate and jwt',
      { authenticate, jwt: { secret: LONG } },
      /exactly one of authenticate.*both are given/,
    ],
    ['without a secret for stream tokens', { authenticate }, /Set streamToken\.secret .*at least 16 characters/],
    ['with a key set and no such secret', { jwt: { jwksUri: 'https://a.example/jwks' } }, /Set streamToken\.secret/],
    [
      'with a short one',
      { authenticate, streamToken: { secret: 'short-secret' } },
      /streamToken\.secret must be .* 16/,
    ],
    ['with an empty one', { authenticate, streamToken: { secret: '' } }, /streamToken\.secret must be .* 16/],
    ['with a short jwt.secret', { jwt: { secret: 'short-secret' } }, /jwt\.secret must be .* 16/],
    ['with an empty jwt', { jwt: {}, streamToken: { secret: LONG } }, /jwt needs exactly one of secret/],
    [
      'with secret and key set',
      { jwt: { secret: LONG, jwksUri: 'https://a.example/jwks' } },
      /jwt needs exactly one of secret/,
    ],
    [
      'with no URL of a key set',
      { jwt: { jwksUri: 'a.example' }, streamToken: { secret: LONG } },
      /jwt\.jwksUri must be/,
    ],
    [
      'with a file as key set',
      { jwt: { jwksUri: 'file:///jwks' }, streamToken: { secret: LONG } },
      /jwt\.jwksUri must be/,
    ],
    [
      "with the stream tokens' audience",
      { jwt: { secret: LONG, audience: 'notifications:stream' } },
      /jwt\.audience must not be/,
    ],
  ])('%s', async (_, options, message) => {
    const error = await HttpApp.start({ options }).then(
      (app) => app.close(),
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      name: 'NotificationsError',
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(message),
    });
    expect((error as Error).message).not.toContain('short-secret');
  });
});

test.each<[string, NotificationsOptions]>([
  ['authenticate and streamToken.secret', { authenticate, streamToken: { secret: LONG } }],
  ['jwt.secret alone', { jwt: { secret: LONG } }],
  ['a key set and streamToken.secret', { jwt: { jwksUri: 'https://a.example/jwks' }, streamToken: { secret: LONG } }],
])('it starts with %s', async (_, options) => {
  const app = await HttpApp.start({ options });
  await app.close();
});
