/** Straight to the WebSocket, without the polling that a browser's client begins with by default. */
export async function socketIoPaths(recipients: number): Promise<string[]> {
  return Array.from({ length: recipients }, (_, user) => `/socket.io/?EIO=4&transport=websocket&user=${user}`);
}
