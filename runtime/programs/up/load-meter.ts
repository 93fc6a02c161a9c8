import type { Millis } from '../../../domain/base/ids';
import type { DataplaneHost, GridHarvest } from '../../agent/dataplane-host';
import { ClusterLoads } from '../../control/cluster-loads';
import type { ControlPlane } from '../../control/control-plane';

/** Grid time between two measurements, milliseconds: statistics look at every flow. */
const MEASURE_MS = 500;

/** Measures what the hosted nodes carry, for clusters that follow their load. */
export class LoadMeter {
  private readonly loads = new ClusterLoads();
  private next: Millis = 0;

  constructor(
    private readonly host: DataplaneHost,
    private readonly control: ControlPlane,
  ) {}

  /** Counts the flows that nodes were given. */
  harvest({ events }: GridHarvest): void {
    for (const { events: told } of events) this.loads.flows(told);
  }

  /** Tells the control plane the loads, if it is time to. */
  async measure(now: Millis): Promise<void> {
    if (now < this.next) return;
    this.next = now + MEASURE_MS;
    const samples = this.loads.samples(this.control.state, await this.host.statistics(), now);
    for (const [cluster, sample] of samples) this.control.reportLoad(cluster, sample);
  }
}
