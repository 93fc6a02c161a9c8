import type { Timers } from '../../domain/seams/clock';
import { createEmbeddedEngine } from '../../workflows/embedded/engine';
import { MemoryJournal } from './memory-journal';
import { contractDefinitions } from './workflow-definitions';
import { Site, describeWorkflowEngine } from './workflow.contract';

const clock = { now: () => Date.now() };
const timers: Timers = {
  schedule(dueAt, fire) {
    const timer = setTimeout(fire, dueAt - Date.now());
    return () => clearTimeout(timer);
  },
};

describe('embedded workflow engine', () => {
  describeWorkflowEngine(() => {
    const site = new Site();
    const journal = new MemoryJournal();
    const definitions = contractDefinitions;
    return { site, engine: createEmbeddedEngine({ journal, definitions, activities: site.activities, clock, timers }) };
  });
});
