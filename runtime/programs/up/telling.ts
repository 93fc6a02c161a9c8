import { subjectsOf, type Subjects } from '../../../adapters/bus/subjects';
import type { Micros } from '../../../domain/base/ids';
import type { Bus } from '../../../domain/seams/bus';
import { StatisticsStreams } from '../../../projections';
import type { GridHarvest } from '../../agent/dataplane-host';
import { Notices } from '../../agent/notices';
import { publishAlert } from '../../control/bus-endpoints';
import type { Alert } from '../../control/effects';
import { publishStreams, STREAMS_EVERY_MS } from '../../control/statistics-teller';
import type { Fleet } from './fleet';
import type { Session } from './session';

/**
 * Tells on a bus what agents and the leading MNODE would tell there of the same grid: notices of flows, and statistics
 * every second of grid time.
 */
export class Telling {
  private readonly subjects: Subjects;
  private readonly notices: Notices;
  private streams: StatisticsStreams | undefined;
  private toldAt: Micros = -Infinity;
  private underWay: Promise<void> | undefined;

  constructor(
    private readonly bus: Bus,
    grid: string,
  ) {
    this.subjects = subjectsOf(grid);
    this.notices = new Notices(bus, this.subjects);
  }

  /** What nodes observed of flows. */
  harvested({ events }: GridHarvest, fleet: Fleet): void {
    for (const { node, events: observed } of events) {
      const life = fleet.get(node);
      if (life?.alive === true) this.notices.flows(life.name, observed);
    }
  }

  /** Tells statistics, if a second has passed. */
  async round(session: Session): Promise<void> {
    if (this.underWay !== undefined || session.conductor.now - this.toldAt < STREAMS_EVERY_MS * 1000) return;
    await this.tell(session);
  }

  /** Tells them now: a run is over, and its last figures are wanted. */
  async tell(session: Session): Promise<void> {
    await this.underWay;
    this.underWay = this.statistics(session);
    await this.underWay.finally(() => (this.underWay = undefined));
  }

  alert(alert: Alert): void {
    publishAlert(this.bus, this.subjects, alert);
  }

  private async statistics({ conductor, control, fleet, host }: Session): Promise<void> {
    this.toldAt = conductor.now;
    const now = Math.floor(conductor.now / 1000);
    this.streams ??= new StatisticsStreams(now);
    for (const counted of await host.statistics()) {
      const life = fleet.get(counted.node);
      if (life?.alive !== true || life.incarnation !== counted.incarnation) continue;
      this.notices.statistics(life.name, counted);
      this.streams.observe(counted, now);
    }
    const streams = this.streams.streams(control.state, { name: control.state.leader, now });
    if (streams !== undefined) publishStreams(this.bus, this.subjects, streams);
  }
}
