import { Inject, Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';

// What packages for all controllers of a host read, to leave one out. Their names are spelt out: none of them is needed here.

/** `@CacheKey()` of `@nestjs/cache-manager`: a function that gives no key turns its CacheInterceptor off. */
const CACHE_KEY = 'cache_module:cache_key';
/** `@SkipThrottle()` of `@nestjs/throttler`, and the throttler's name. */
const SKIP_THROTTLER = 'THROTTLER:SKIP';
const THROTTLERS = 'THROTTLER:MODULE_OPTIONS';

const OURS = Symbol.for('nestjs-crm-notifications:controller');

/**
 * Keeps a host's global cache and rate limit away from a controller of ours: the cache goes by the URL, which is the same for
 * every recipient, and a limit by address would refuse colleagues behind one router. What the host puts on the controller
 * after this, by `controllerDecorators`, wins.
 */
export function leaveAlone(controller: Type<unknown>): void {
  Reflect.defineMetadata(OURS, true, controller);
  Reflect.defineMetadata(`${SKIP_THROTTLER}default`, true, controller);
  for (const handler of handlersOf(controller)) Reflect.defineMetadata(CACHE_KEY, () => undefined, handler);
}

/** The methods of a controller, as Nest's decorators take them. */
export function handlersOf({ prototype }: Type<unknown>): object[] {
  return Object.getOwnPropertyNames(prototype).flatMap((name) => (name === 'constructor' ? [] : [prototype[name]]));
}

/** The same for throttlers with names of their own, which are known once the host's modules are there. */
@Injectable()
export class HostThrottlers implements OnModuleInit {
  constructor(
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(ModulesContainer) private readonly container: ModulesContainer,
  ) {}

  onModuleInit(): void {
    const names = this.names();
    if (names.length === 0) return;
    for (const { controllers } of this.container.values()) {
      for (const { metatype } of controllers.values()) {
        if (typeof metatype !== 'function' || !Reflect.hasOwnMetadata(OURS, metatype)) continue;
        for (const name of names) {
          const key = SKIP_THROTTLER + name;
          if (!Reflect.hasMetadata(key, metatype)) Reflect.defineMetadata(key, true, metatype);
        }
      }
    }
  }

  private names(): string[] {
    try {
      const options: unknown = this.modules.get(THROTTLERS, { strict: false });
      const throttlers = Array.isArray(options) ? options : (options as { throttlers?: unknown[] }).throttlers;
      return (throttlers ?? []).flatMap((throttler) => (throttler as { name?: string }).name ?? []);
    } catch {
      // The host has none.
      return [];
    }
  }
}
