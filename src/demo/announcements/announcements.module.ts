import { Module } from '@nestjs/common';
import { AnnouncementsController } from './announcements.controller.js';
import { AnnouncementsService } from './announcements.service.js';
import { Terminal } from './terminal.js';

@Module({ controllers: [AnnouncementsController], providers: [AnnouncementsService, Terminal] })
export class AnnouncementsModule {}
