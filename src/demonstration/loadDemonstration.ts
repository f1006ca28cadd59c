/** Placeholder with the signature that src/service.ts calls: fills the database with the demonstration items. */
export async function loadDemonstration(_databaseUrl: string): Promise<object> {
  return Promise.resolve({});
}
