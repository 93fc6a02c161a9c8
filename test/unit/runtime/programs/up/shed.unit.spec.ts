import { nodeRef } from '../../../../../domain/base/ids';
import { decodeFlowBatch } from '../../../../../adapters/codec/flow-batch';
import type { FlowBatchRecord } from '../../../../../domain/seams/event-log';
import { CLIENT_NETWORK, ENTRANCE, PublishedGrid } from '../../../../support/published-grid';
import { numbered, udp } from '../../../dataplane/node/frames';

const EVENTS_MAX = 3;
const FLOWS = 10;

test('FG-196: flow events that a node let go of before anybody harvested are a recorded gap in its chain', async () => {
  const grid = await new PublishedGrid({
    stages: [{ nodes: 2, failure: 'redirect', selector: 'hash' }],
    selection: 'centralized',
    apart: nodeRef(2, 2),
    limits: { events: EVENTS_MAX },
  }).up();
  const batches: FlowBatchRecord[] = [];
  const append = grid.control.appendFlows.bind(grid.control);
  jest.spyOn(grid.control, 'appendFlows').mockImplementation((batch) => {
    batches.push(batch);
    return append(batch);
  });
  for (let flow = 0; flow < FLOWS; flow++) {
    const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000 + flow, toPort: 53 };
    await grid.send(CLIENT_NETWORK, udp({ ...ends, payload: numbered(flow) }));
  }
  await grid.conductor.harvest();
  const told = batches.map(({ bytes }) => decodeFlowBatch(bytes)).filter(({ chain }) => chain === `${ENTRANCE}/1@1`);
  const events = told.reduce((sum, batch) => sum + batch.events.length, 0);
  const lost = told.reduce((sum, batch) => sum + batch.lost, 0);
  expect({ events, lost }).toEqual({ events: EVENTS_MAX, lost: FLOWS - EVENTS_MAX });
  await grid.conductor.harvest();
  expect(batches.filter(({ chain }) => chain === `${ENTRANCE}/1@1`)).toHaveLength(told.length);
});
