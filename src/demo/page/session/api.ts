/** The server answered with an error; `message` is what it said. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

interface CallOptions {
  /** For what must leave while the page goes away. */
  keepalive?: boolean;
}

/** The CRM's HTTP interface, as one user. */
export class Api {
  private constructor(readonly token: string) {}

  static async login(user: string): Promise<Api> {
    const { token } = await new Api('').post<{ token: string }>('/login', { user });
    return new Api(token);
  }

  /** What is to be seen without a login. */
  static anonymous(): Api {
    return new Api('');
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.fetch('GET', path)).json()) as T;
  }

  async post<T = unknown>(path: string, body: object, options: CallOptions = {}): Promise<T> {
    const response = await this.fetch('POST', path, { ...options, body: JSON.stringify(body) });
    return (await response.json()) as T;
  }

  async postCsv<T>(path: string, csv: string | File): Promise<T> {
    return (await (await this.fetch('POST', path, { body: csv }, 'text/csv; charset=utf-8')).json()) as T;
  }

  async text(path: string): Promise<string> {
    return await (await this.fetch('GET', path)).text();
  }

  private async fetch(method: string, path: string, options: RequestInit = {}, type = 'application/json') {
    const headers: Record<string, string> = { 'Content-Type': type };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const response = await fetch(path, { ...options, method, headers });
    if (response.ok) return response;
    const answer = await response.json().catch(() => null);
    throw new ApiError(response.status, answer?.message ?? `${response.status} ${response.statusText}`);
  }
}
