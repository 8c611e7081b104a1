/** Whoever the address names, as in `/?user=bob`; a CRM asks for more than a name. */
export const user = new URLSearchParams(location.search).get('user') ?? 'alice';

let accessToken: string | null = null;

export async function signIn(): Promise<void> {
  const response = await fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  if (!response.ok) throw new Error(`The login was answered with ${response.status}. Is the demo running (npm start)?`);
  accessToken = (await response.json()).token;
}

/** Asked before every request: the place to renew a token that is about to expire. */
export const token = () => accessToken;
