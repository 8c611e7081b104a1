import { type DynamicModule, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { BrokerSwitch } from './broker-switch.js';
import { LabController } from './lab.controller.js';
import { StreamSwitch } from './stream-switch.js';

@Module({})
class LabModule implements NestModule {
  constructor(private readonly streams: StreamSwitch) {}

  configure(consumer: MiddlewareConsumer): void {
    // A function, because Nest makes middleware classes anew: it would be another switch than the controller's.
    consumer.apply(this.streams.pass.bind(this.streams)).forRoutes('notifications/stream');
  }
}

export function labModule(broker: BrokerSwitch): DynamicModule {
  return {
    module: LabModule,
    controllers: [LabController],
    providers: [StreamSwitch, { provide: BrokerSwitch, useValue: broker }],
  };
}
