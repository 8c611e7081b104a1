import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { NotificationsModule } from 'nestjs-crm-notifications';
import { Deal } from './deal.js';
import { DealsController } from './deals.controller.js';
import { DealsService } from './deals.service.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: setting('DATABASE_URL'), entities: [Deal], synchronize: true }),
    NotificationsModule.forRoot({
      jwt: { secret: setting('JWT_SECRET') },
      autoMigrate: process.env.AUTO_MIGRATE !== 'false',
    }),
  ],
  controllers: [DealsController],
  providers: [DealsService],
})
export class AppModule {}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`The environment variable ${name} is missing.`);
  return value;
}
