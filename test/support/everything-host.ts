import { createGzip } from 'node:zlib';
import {
  type ArgumentsHost,
  Body,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  type INestApplication,
  Injectable,
  type ModuleMetadata,
  type NestInterceptor,
  Post,
  SetMetadata,
  UnauthorizedException,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Type } from 'class-transformer';
import { IsInt } from 'class-validator';
import { jwtVerify } from 'jose';
import { type Observable, tap } from 'rxjs';
import type { DataSourceOptions, Logger } from 'typeorm';
import { NotificationsModule, type NotificationsOptions } from '../../src/notifications/index.js';
import { JWT_SECRET } from './crm-app.js';

const IS_PUBLIC = 'host:isPublic';
const Public = () => SetMetadata(IS_PUBLIC, true);

/** The host's own guard: bearer tokens only, on every route that isn't public. */
@Injectable()
class JwtGuard implements CanActivate {
  private readonly reflector = new Reflector();

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride(IS_PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const { headers } = context.switchToHttp().getRequest();
    const token = headers.authorization?.replace('Bearer ', '') ?? '';
    await jwtVerify(token, new TextEncoder().encode(JWT_SECRET)).catch(() => {
      throw new UnauthorizedException('the guard of the host');
    });
    return true;
  }
}

/** Every error of the application in the host's own form. */
@Catch()
class ErrorForm implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse();
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const message = exception instanceof Error ? exception.message : 'unknown';
    const body = { ok: false, problem: { status, message } };
    // Express's response, or Fastify's reply.
    if (typeof reply.json === 'function') reply.status(status).json(body);
    else void reply.status(status).send(body);
  }
}

/** Waits for something first, as one does that writes an audit log. */
@Injectable()
class AccessLog implements NestInterceptor {
  static readonly lines: string[] = [];

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { method } = context.switchToHttp().getRequest();
    AccessLog.lines.push(`${method} ${context.getClass().name}.${context.getHandler().name}`);
    return next.handle().pipe(tap());
  }
}

class Deal {
  @IsInt()
  @Type(() => Number)
  id!: number;
}

@Controller('deals')
class DealsController {
  @Public()
  @Get()
  list(): string {
    return 'the deals '.repeat(1_000);
  }

  @Post()
  create(@Body() deal: Deal): { id: number } {
    return { id: deal.id };
  }
}

/** What TypeORM logs with `logging: true`, parameters and all. */
export class CapturingLogger implements Logger {
  readonly lines: string[] = [];
  logQuery(query: string, parameters?: unknown[]): void {
    this.lines.push(`${query} ${JSON.stringify(parameters)}`);
  }
  logQueryError(error: string | Error, query: string, parameters?: unknown[]): void {
    this.lines.push(`${error} ${query} ${JSON.stringify(parameters)}`);
  }
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

/** The metadata of a host that has all that real hosts have. */
export function everything(dataSource: DataSourceOptions, options: Partial<NotificationsOptions> = {}): ModuleMetadata {
  return {
    imports: [
      TypeOrmModule.forRoot({ ...dataSource, retryAttempts: 0 }),
      NotificationsModule.forRoot({ jwt: { secret: JWT_SECRET }, ...options, controllerDecorators: [Public()] }),
    ],
    controllers: [DealsController],
    providers: [
      { provide: APP_GUARD, useClass: JwtGuard },
      { provide: APP_FILTER, useClass: ErrorForm },
      { provide: APP_INTERCEPTOR, useClass: AccessLog },
    ],
  };
}

/** Its global settings, and middleware on Express. */
export function configureEverything(app: INestApplication): void {
  app.setGlobalPrefix('api');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
  app.use(securityHeaders);
  if (app.getHttpAdapter().getType() === 'express') app.use(compress);
}

export function accessLog(): string[] {
  return AccessLog.lines;
}

// biome-ignore lint/suspicious/noExplicitAny: Express's and Fastify's middleware have different types
type Middleware = (request: any, response: any, next: () => void) => void;

/** As helmet sets them. */
const securityHeaders: Middleware = (_, response, next) => {
  response.setHeader('Content-Security-Policy', "default-src 'self'");
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Strict-Transport-Security', 'max-age=31536000');
  next();
};

/** As `compression` does it: everything that accepts it, but nothing whose Cache-Control says no-transform. */
const compress: Middleware = (request, response, next) => {
  const { write, end, writeHead } = response;
  let gzip: ReturnType<typeof createGzip> | undefined;
  response.writeHead = (...head: unknown[]) => {
    const given = head.find((part) => typeof part === 'object') as Record<string, string> | undefined;
    const cacheControl = given?.['Cache-Control'] ?? response.getHeader('Cache-Control') ?? '';
    if (/gzip/.test(request.headers['accept-encoding'] ?? '') && !/no-transform/.test(cacheControl)) {
      response.removeHeader('Content-Length');
      response.setHeader('Content-Encoding', 'gzip');
      gzip = createGzip();
      gzip.on('data', (chunk) => write.call(response, chunk)).on('end', () => end.call(response));
    }
    return writeHead.apply(response, head);
  };
  response.write = (...chunk: unknown[]) => {
    if (!response.headersSent) response.writeHead(response.statusCode);
    return gzip ? gzip.write(chunk[0]) : write.apply(response, chunk);
  };
  response.end = (...chunk: unknown[]) => {
    if (!response.headersSent) response.writeHead(response.statusCode);
    if (!gzip) return end.apply(response, chunk);
    gzip.end(...(chunk as []));
    return response;
  };
  next();
};
