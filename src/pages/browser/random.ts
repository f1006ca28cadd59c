/** Returns random bytes as hex digits. `crypto.randomUUID` exists only with TLS or on localhost. */
export function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
