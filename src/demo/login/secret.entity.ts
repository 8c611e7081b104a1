import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A secret that all instances share. In the database, so that there is none in the repository. */
@Entity({ name: 'secret' })
export class Secret {
  @PrimaryColumn('text')
  name!: string;

  @Column('text')
  value!: string;
}
