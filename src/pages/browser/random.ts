/** So many random bytes, in hexadecimal. Not `crypto.randomUUID`, which a page has only over TLS or on its own machine. */
export function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
