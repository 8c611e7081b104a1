import { BadRequestException } from '@nestjs/common';
import { textIn } from '../request-body.js';

const USER_NAME = /^(?=.{1,64}$)[\p{L}\p{M}\p{N}](?: ?[\p{L}\p{M}\p{N}._@'’-])*$/u;

/** @throws {BadRequestException} if it can't be anybody's name. */
export function userNameIn(body: unknown, field: string): string {
  const name = textIn(body, field).trim();
  if (USER_NAME.test(name)) return name;
  throw new BadRequestException(
    `"${field}" must be 1 to 64 letters or digits; after the first also single spaces and . _ @ ' -`,
  );
}
