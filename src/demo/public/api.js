/** The server answered with an error; `message` is what it said. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The CRM's HTTP interface, as one user. */
export class Api {
  #token;

  static async login(user) {
    const api = new Api();
    api.#token = (await api.post('/login', { user })).token;
    return api;
  }

  get(path) {
    return this.#call('GET', path);
  }

  /** @param options more for `fetch`, such as `keepalive` for what must leave while the page goes away. */
  post(path, body, options) {
    return this.#call('POST', path, body, options);
  }

  /** @param csv a string or a file. */
  async postCsv(path, csv) {
    return await (await this.#fetch('POST', path, { body: csv, type: 'text/csv; charset=utf-8' })).json();
  }

  async text(path) {
    return await (await this.#fetch('GET', path)).text();
  }

  patch(path, body) {
    return this.#call('PATCH', path, body);
  }

  async #call(method, path, body, options) {
    const response = await this.#fetch(method, path, { ...options, body: body && JSON.stringify(body) });
    return await response.json().catch(() => null);
  }

  async #fetch(method, path, { type = 'application/json', ...options } = {}) {
    const headers = { 'Content-Type': type };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const response = await fetch(path, { ...options, method, headers });
    if (response.ok) return response;
    const answer = await response.json().catch(() => null);
    throw new ApiError(response.status, answer?.message ?? `The server answered ${response.status}.`);
  }
}
