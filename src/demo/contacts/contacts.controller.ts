import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Post,
  Query,
  UnsupportedMediaTypeException,
  UseGuards,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DataSource } from 'typeorm';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { Contact } from './contact.entity.js';
import { ContactImports } from './contact-imports.service.js';
import { contactsIn } from './contact-list.js';
import { sampleCsv } from './sample-contacts.js';

const CSV = 'text/csv';
const LISTED = 20;

/** Lets requests bring CSV. More than so much is answered with 413. */
export function acceptCsv(app: NestExpressApplication): void {
  app.useBodyParser('text', { type: CSV, limit: '4mb' });
}

@Controller('contacts')
@UseGuards(LoginGuard)
export class ContactsController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly imports: ContactImports,
  ) {}

  /** How many there are, and the newest of them, or of one company. */
  @Get()
  async list(@Query('company') company: unknown): Promise<{ total: number; items: Contact[] }> {
    if (company !== undefined && (typeof company !== 'string' || company.includes('\0'))) {
      throw new BadRequestException('"company" must be the name of one company.');
    }
    const [items, total] = await this.dataSource
      .getRepository(Contact)
      .findAndCount({ where: company === undefined ? {} : { company }, order: { id: 'DESC' }, take: LISTED });
    return { total, items };
  }

  @Get('sample.csv')
  @Header('Content-Type', `${CSV}; charset=utf-8`)
  sample(): string {
    return sampleCsv(5_000);
  }

  /** Answers when the CSV has been checked; the import goes on. */
  @Post('import')
  @HttpCode(202)
  import(
    @Headers('content-type') contentType: string | undefined,
    @Body() csv: unknown,
    @CurrentUser() user: string,
  ): { importId: string; total: number } {
    if (contentType?.split(';')[0]?.trim().toLowerCase() !== CSV) {
      throw new UnsupportedMediaTypeException(`The body must be a CSV: Content-Type: ${CSV}.`);
    }
    if (typeof csv !== 'string' || csv.trim() === '') throw new BadRequestException('The CSV is empty.');
    return this.imports.start(contactsIn(csv), user);
  }
}
