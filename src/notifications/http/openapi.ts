import type { Type } from '@nestjs/common';
import { LIMITS } from '../payload.js';

// What `@nestjs/swagger` reads of a controller. Its names are spelled out, as that package is not needed here.
const OPERATION = 'swagger/apiOperation';
const PARAMETERS = 'swagger/apiParameters';
const RESPONSES = 'swagger/apiResponse';

/** A part of an OpenAPI 3.0 document: https://spec.openapis.org/oas/v3.0.4 */
type Part = Record<string, unknown>;

const id: Part = { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 };
const text: Part = { type: 'string' };
const count: Part = { type: 'integer', minimum: 0 };

const numbers = { lastId: id, unread: count, revision: count };
const notification = objectOf({
  id,
  type: { ...text, maxLength: LIMITS.type },
  title: { ...text, maxLength: LIMITS.title },
  body: { ...text, maxLength: LIMITS.body, nullable: true },
  url: { ...text, maxLength: LIMITS.url, nullable: true },
  data: { type: 'object', additionalProperties: true },
  createdAt: { ...text, format: 'date-time' },
  read: { type: 'boolean' },
});
const error = objectOf({ statusCode: { type: 'integer' }, error: text, message: text });
const ids: Part = { type: 'array', items: id, minItems: 1, maxItems: 1_000 };

interface Operation {
  summary: string;
  /** All of them are in the query, or in the path. */
  parameters?: Part[];
  body?: Part;
  answer: { description: string; content: Part };
  /** Statuses of errors, beside those that every call may have. */
  errors?: number[];
}

const NUMBERS = json('The count of unread notifications, and how new it is.', objectOf(numbers));
const ID: Part = { name: 'id', in: 'path', required: true, schema: id };

/** By the names of the handlers of our controllers. */
const OPERATIONS: Record<string, Operation> = {
  list: {
    summary: 'The notifications of the caller, newest first',
    parameters: [
      query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 20 }, 'At most so many.'),
      query('before', id, 'Only those with smaller ids: the `nextBefore` of the page before.'),
      query('unread', { type: 'boolean' }, 'Only unread ones, or only read ones.'),
      query('type', { ...text, minLength: 1, maxLength: LIMITS.type }, 'Only those of this type.'),
    ],
    answer: json(
      'A page. It may have fewer than `limit` and still not be the last one, whose `nextBefore` alone is null.',
      objectOf({ items: { type: 'array', items: notification }, nextBefore: { ...id, nullable: true }, ...numbers }),
    ),
    errors: [400],
  },
  unreadCount: { summary: 'How many notifications of the caller are unread', answer: NUMBERS },
  setRead: {
    summary: 'Marks a notification as read, or as unread',
    parameters: [ID],
    body: objectOf({ read: { type: 'boolean' } }),
    answer: NUMBERS,
    errors: [400, 404],
  },
  markRead: {
    summary: 'Marks notifications as read: these, or all up to an id',
    body: { oneOf: [objectOf({ ids }), objectOf({ upTo: id })] },
    answer: NUMBERS,
    errors: [400],
  },
  remove: {
    summary: 'Removes a notification from the inbox; no error if it is gone already',
    parameters: [ID],
    answer: NUMBERS,
    errors: [404],
  },
  issueStreamToken: {
    summary: 'Issues a token that opens an event stream for a short time, and may stand in a URL',
    answer: json('The token.', objectOf({ token: text, expiresAt: { ...text, format: 'date-time' } })),
  },
  stream: {
    summary: 'The event stream of the caller',
    parameters: [
      query('token', text, 'A stream token. Where it is given, it decides alone.'),
      query('lastEventId', text, 'Where to go on: the id of the last event that came.'),
      {
        ...query('Last-Event-ID', text, 'The same, as EventSource sends it. It wins over `lastEventId`.'),
        in: 'header',
      },
    ],
    answer: { description: 'Events.', content: { 'text/event-stream': { schema: text } } },
  },
};

const ERRORS: Record<number, string> = {
  400: 'A parameter or the body is wrong; the message says what is allowed.',
  401: 'Nobody is signed in.',
  403: 'A page of another origin has sent the request, without a token.',
  404: 'There is no such notification in the inbox of the caller.',
  429: 'Too many at a time: try again after `Retry-After`.',
  503: 'Not for the moment: try again after `Retry-After`.',
};

/** Describes the routes of a controller of ours to `@nestjs/swagger`, where the host has it. */
export function describeToSwagger(controller: Type<unknown>): void {
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const handler = controller.prototype[name];
    if (typeof handler !== 'function') continue;
    const { summary, parameters = [], body, answer, errors = [] } = operation;
    const bodies: Part[] = body === undefined ? [] : [{ in: 'body', required: true, schema: body }];
    const statuses = [...errors, 401, 403, 429, 503].sort();
    const failures = statuses.map((status) => [status, json(ERRORS[status] as string, error)]);
    Reflect.defineMetadata(OPERATION, { summary }, handler);
    // It looks for a class where there is no type, and lets the schema win over this one.
    const typed = [...parameters, ...bodies].map((parameter) => ({ type: String, ...parameter }));
    Reflect.defineMetadata(PARAMETERS, typed, handler);
    Reflect.defineMetadata(RESPONSES, { 200: answer, ...Object.fromEntries(failures) }, handler);
  }
}

function objectOf(properties: Record<string, Part>): Part {
  return { type: 'object', properties, required: Object.keys(properties) };
}

function query(name: string, schema: Part, description: string): Part {
  return { name, in: 'query', required: false, description, schema };
}

function json(description: string, schema: Part): Operation['answer'] {
  return { description, content: { 'application/json': { schema } } };
}
