import type { IncomingMessage } from 'node:http';
import type { MiddlewareConsumer } from '@nestjs/common';
import { RequestMethod, VERSION_NEUTRAL } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

// What Nest's router itself goes by. It exports none of these names.

/** `RouterModule` puts the path of a module there; followed by the id of the application. */
const MODULE_PATH = '__module_path__';
/** `@Controller()` and `@Get()` put theirs there. */
const PATH = 'path';
const VERSION = '__version__';

type Route = Exclude<
  Parameters<ReturnType<MiddlewareConsumer['apply']>['forRoutes']>[0],
  string | (abstract new () => unknown)
>;

export interface OwnRoutes {
  /** Those without a parameter of ours. */
  exact: Route[];
  /** Those whose last segment is an id. They match the host's routes beside ours, too, such as `/deals`: see {@link endsWithId}. */
  withId: Route[];
}

/**
 * The routes of a module's controllers for middleware, in the form to which Nest adds the global prefix, its exceptions and the
 * version in the URL: every method of every path.
 *
 * @param host the instance of the module.
 */
export function routesOf(host: object, modules: ModulesContainer): OwnRoutes {
  const routes: OwnRoutes = { exact: [], withId: [] };
  const module = [...modules.values()].find(({ instance }) => instance === host);
  if (!module) return routes;
  const { metatype } = module;
  const modulePath: string =
    Reflect.getMetadata(MODULE_PATH + modules.applicationId, metatype) ??
    Reflect.getMetadata(MODULE_PATH, metatype) ??
    '';
  for (const { metatype: controller } of module.controllers.values()) {
    if (typeof controller !== 'function') continue;
    const version = Reflect.getMetadata(VERSION, controller);
    for (const path of list(Reflect.getMetadata(PATH, controller))) {
      const routeTo = (end: string): Route => ({
        path: join(modulePath, path, end),
        method: RequestMethod.ALL,
        ...(version !== VERSION_NEUTRAL && { version }),
      });
      routes.exact.push(...['', ...handlerPaths(controller.prototype)].map(routeTo));
      routes.withId.push(routeTo(':segment'));
    }
  }
  return routes;
}

/** Nest's patterns can't say that a segment is a number. */
export function endsWithId(request: IncomingMessage & { originalUrl?: string }): boolean {
  return /^[^?]*\/\d+\/?(\?|$)/.test(request.originalUrl ?? request.url ?? '');
}

/** Without those that hold parameters: they are in `withId`. */
function handlerPaths(prototype: object): string[] {
  const handlers = Object.values(Object.getOwnPropertyDescriptors(prototype)).map(({ value }) => value);
  const paths = handlers.flatMap((handler) =>
    typeof handler === 'function' ? list(Reflect.getMetadata(PATH, handler)) : [],
  );
  return [...new Set(paths)].filter((path) => path !== '/' && !path.includes(':'));
}

function list(paths: string | string[] | undefined): string[] {
  return paths === undefined ? [] : [paths].flat();
}

function join(...parts: string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .join('/');
}
