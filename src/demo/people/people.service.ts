import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, In } from 'typeorm';
import type { Language } from './language.js';
import { Person } from './person.entity.js';

/** A person, and the language to write to them in. */
export type Reader = Person & { language: Language };

@Injectable()
export class People {
  constructor(private readonly dataSource: DataSource) {}

  async list(): Promise<Person[]> {
    return await this.dataSource.getRepository(Person).find({ order: { id: 'ASC' } });
  }

  /** Whoever comes in is known from then on. */
  async meet(id: string): Promise<void> {
    const newcomer = { id, name: id, role: null, language: null };
    await this.dataSource.createQueryBuilder().insert().into(Person).values(newcomer).orIgnore().execute();
  }

  async speaks(id: string, language: Language): Promise<Person> {
    await this.meet(id);
    await this.dataSource.getRepository(Person).update(id, { language });
    return await this.one(id);
  }

  async one(id: string): Promise<Person> {
    const [person] = await this.of([id]);
    return person as Person;
  }

  /** The people of these ids, in their order. One who has never been there is called by the id. */
  async of(ids: readonly string[], manager: EntityManager = this.dataSource.manager): Promise<Person[]> {
    const found = await manager.findBy(Person, { id: In([...ids]) });
    return ids.map((id) => found.find((person) => person.id === id) ?? { id, name: id, role: null, language: null });
  }

  /**
   * The same, to write to: each with a language.
   *
   * @param manager that of a transaction under way, which has its connection already.
   */
  async readers<Ids extends readonly string[]>(
    ids: readonly [...Ids],
    manager?: EntityManager,
  ): Promise<{ [I in keyof Ids]: Reader }> {
    const people = await this.of(ids, manager);
    return people.map((person) => ({ ...person, language: person.language ?? 'en' })) as { [I in keyof Ids]: Reader };
  }
}
