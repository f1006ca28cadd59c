import { expectHistoriesAsModel } from '../support/cancelHistories.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();

test('each of 2,000 histories of cancels and of writes of others is what the model predicts', async () => {
  await expectHistoriesAsModel(service, 2_000);
}, 1_800_000);
