import { SimClock } from '../../adapters/sim/sim-clock';
import { type SwitchPort, type SwitchSettings, VlanSwitch } from '../../adapters/sim/vlan-switch';

const DAY_MS = 86_400_000;

/** A simulated switch alone on its clock; what leaves it is kept. */
export class SimulatedLan {
  readonly clock = new SimClock(1_000_000);
  private current: VlanSwitch | undefined;
  private left: string[][] = [];

  get switch(): VlanSwitch {
    return this.current!;
  }

  async begin(settings: SwitchSettings): Promise<void> {
    this.left = settings.ports.map(() => []);
    this.current = new VlanSwitch(this.clock, settings, (port, frame) => {
      this.left[port]!.push(Buffer.from(frame).toString('hex'));
    });
  }

  async configure(port: number, settings: SwitchPort): Promise<void> {
    this.switch.configure(port, settings);
  }

  async send(port: number, frame: Uint8Array): Promise<void> {
    this.switch.receive(port, frame);
  }

  async collect(): Promise<string[][]> {
    this.clock.advanceTo(this.clock.now());
    const { left } = this;
    this.left = left.map(() => []);
    return left;
  }

  async age(): Promise<void> {
    this.clock.advanceTo(this.clock.now() + DAY_MS);
  }
}
