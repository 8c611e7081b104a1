import { type DynamicModule, Module } from '@nestjs/common';
import { AccessTokens } from './access-tokens.js';
import { LoginController } from './login.controller.js';

@Module({})
class LoginModule {}

export function loginModule(tokens: AccessTokens): DynamicModule {
  return {
    module: LoginModule,
    // The guard needs it in every module.
    global: true,
    controllers: [LoginController],
    providers: [{ provide: AccessTokens, useValue: tokens }],
    exports: [AccessTokens],
  };
}
