import { runNotificationsMigrations } from 'nestjs-crm-notifications';

void runNotificationsMigrations({ type: 'postgres', url: process.env.DATABASE_URL ?? '' });
