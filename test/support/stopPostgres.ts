/** Stops the PostgreSQL of `startPostgres`. */
export default async function stopPostgres(): Promise<void> {
  await (globalThis as unknown as { stopTestPostgres: () => Promise<void> }).stopTestPostgres();
}
