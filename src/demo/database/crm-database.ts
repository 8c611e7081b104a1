import { DataSource, type EntityManager } from 'typeorm';
import { Approval } from '../approvals/approval.entity.js';
import { addSampleApprovals } from '../approvals/sample-approvals.js';
import { Contact } from '../contacts/contact.entity.js';
import { addSampleContacts } from '../contacts/sample-contacts.js';
import { Deal } from '../deals/deal.entity.js';
import { addSampleDeals } from '../deals/sample-deals.js';
import { Secret } from '../login/secret.entity.js';
import { Person } from '../people/person.entity.js';
import { addSamplePeople } from '../people/sample-people.js';
import { Reminder } from '../reminders/reminder.entity.js';
import { StartError } from '../start-error.js';

/** A schema of the demo's own: with DATABASE_URL the database may be anybody's. */
const SCHEMA = 'crm_demo';
const LOCK = `hashtextextended(current_database() || '.${SCHEMA}', 0)`;

/** Connects to the CRM's own tables; where they are missing, it makes and fills them. */
export async function openCrmDatabase(url: string): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    schema: SCHEMA,
    entities: [Approval, Contact, Deal, Person, Reminder, Secret],
    applicationName: 'crm demo',
  });
  await dataSource.initialize().catch(refuse);
  await prepare(dataSource);
  return dataSource;
}

/** Two instances may start at once: one prepares, the other waits, and finds everything done. */
async function prepare(dataSource: DataSource): Promise<void> {
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query(`SELECT pg_advisory_lock(${LOCK})`);
    await lock.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
    // A real CRM has migrations. The demo's tables only ever grow, by columns that may be empty or have a default: so
    // this brings a database of an older version up to date, too.
    await dataSource.synchronize();
    await dataSource.transaction(addSamples);
  } finally {
    await lock.query(`SELECT pg_advisory_unlock(${LOCK})`);
    await lock.release();
  }
}

async function addSamples(manager: EntityManager): Promise<void> {
  await addSamplePeople(manager);
  await addSampleContacts(manager);
  if (await addSampleDeals(manager)) await addSampleApprovals(manager);
}

function refuse(cause: unknown): never {
  // Where a name has several addresses, Node reports one error for each, and nothing else.
  const { message } = cause instanceof AggregateError ? cause.errors[0] : (cause as Error);
  throw new StartError(
    `Postgres can't be used (${message}): check DATABASE_URL, or unset it to have the demo start a Postgres of its own.`,
    { cause },
  );
}
