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

/**
 * The routes of a module's controllers for middleware, in the form to which Nest adds the global prefix, its exceptions and the
 * version in the URL: every method of every path, and what is one level below.
 *
 * @param host the instance of the module.
 */
export function routesOf(host: object, modules: ModulesContainer): Route[] {
  const module = [...modules.values()].find(({ instance }) => instance === host);
  if (!module) return [];
  const { metatype } = module;
  const modulePath: string =
    Reflect.getMetadata(MODULE_PATH + modules.applicationId, metatype) ??
    Reflect.getMetadata(MODULE_PATH, metatype) ??
    '';
  return [...module.controllers.values()].flatMap(({ metatype: controller }) => {
    if (typeof controller !== 'function') return [];
    const version = Reflect.getMetadata(VERSION, controller);
    return list(Reflect.getMetadata(PATH, controller)).flatMap((path) =>
      ['', ':segment', ...handlerPaths(controller.prototype)].map((end) => ({
        path: join(modulePath, path, end),
        method: RequestMethod.ALL,
        ...(version !== VERSION_NEUTRAL && { version }),
      })),
    );
  });
}

/** Without those that hold parameters: they are one level below, as `:segment` is. */
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
