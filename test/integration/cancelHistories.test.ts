import { expectHistoriesAsModel } from '../support/cancelHistories.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();

test('a history of cancels and of writes of others is what the model predicts', () =>
  expectHistoriesAsModel(service, 60));
