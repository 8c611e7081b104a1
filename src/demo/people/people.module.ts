import { Global, Module } from '@nestjs/common';
import { Inboxes } from './inboxes.js';
import { PeopleController } from './people.controller.js';
import { People } from './people.service.js';
import { SampleHistory } from './sample-history.js';

/** Everywhere, because whoever writes to somebody needs to know their language. */
@Global()
@Module({ controllers: [PeopleController], providers: [People, Inboxes, SampleHistory], exports: [People, Inboxes] })
export class PeopleModule {}
