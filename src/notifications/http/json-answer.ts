import { StreamableFile } from '@nestjs/common';

/**
 * The JSON of an answer. As a file it is left alone by what hosts put around all controllers: Nest's CacheInterceptor never
 * stores one, whatever its key, and its ClassSerializerInterceptor takes no field away.
 */
export class JsonAnswer extends StreamableFile {
  readonly #body: object;

  constructor(body: object) {
    super(Buffer.from(JSON.stringify(body)), { type: 'application/json; charset=utf-8' });
    this.#body = body;
  }

  /** For an interceptor that wraps answers. */
  toJSON(): object {
    return this.#body;
  }
}
