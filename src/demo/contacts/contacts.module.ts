import { Module } from '@nestjs/common';
import { ContactImports } from './contact-imports.service.js';
import { ContactsController } from './contacts.controller.js';

@Module({ controllers: [ContactsController], providers: [ContactImports] })
export class ContactsModule {}
