import { byId } from './dom.js';

const COUNT = new Intl.NumberFormat('en');
/** Signals are best effort: without one for so long the import is taken to be over, or to have died. */
const SILENCE_MS = 15_000;

/** The contacts, and the import that fills them. */
export class Contacts {
  #api;
  /** The import that the bar shows. */
  #importId = null;
  /** The last that ended: what was said of it before may come after. */
  #endedId = null;
  #silence;

  constructor(api) {
    this.#api = api;
    this.#hide();
  }

  close() {
    clearTimeout(this.#silence);
  }

  async reload() {
    const { total } = await this.#api.get('/contacts');
    byId('contact-count').textContent = COUNT.format(total);
  }

  async importSample() {
    await this.#import(await this.#api.text('/contacts/sample.csv'));
  }

  async importFile(file) {
    await this.#import(file);
  }

  /** The signal `import.progress`: each tells all, so that it does no harm to have missed some. */
  progress({ importId, done, total }) {
    if (importId === this.#endedId) return;
    this.#importId = importId;
    byId('import').hidden = false;
    byId('import-bar').max = total;
    byId('import-bar').value = done;
    byId('import-text').textContent = `${COUNT.format(done)} of ${COUNT.format(total)}`;
    this.#enable(false);
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#hide(), SILENCE_MS);
  }

  /** The notification `import.finished` or `import.failed`: this one is sure to come. */
  async ended({ importId }) {
    this.#endedId = importId;
    if (this.#importId === null || importId === this.#importId) this.#hide();
    await this.reload();
  }

  async #import(csv) {
    this.#enable(false);
    try {
      const { importId, total } = await this.#api.postCsv('/contacts/import', csv);
      if (this.#importId !== importId) this.progress({ importId, done: 0, total });
    } catch (error) {
      if (this.#importId === null) this.#enable(true);
      throw error;
    }
  }

  #hide() {
    clearTimeout(this.#silence);
    this.#importId = null;
    byId('import').hidden = true;
    this.#enable(true);
  }

  #enable(enabled) {
    byId('import-sample').disabled = byId('import-file').disabled = !enabled;
  }
}
