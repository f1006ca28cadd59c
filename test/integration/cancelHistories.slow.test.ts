import { expectHistoriesAsModel } from '../support/cancelHistories.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();

/** `HISTORIES=2000` takes two minutes and more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 300);

test(`each of ${HISTORIES} histories of cancels and of writes of others is what the model predicts`, async () => {
  await expectHistoriesAsModel(service, HISTORIES);
}, 1_800_000);
