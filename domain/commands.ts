import type { AgentCommand } from './agent/commands';
import type { AutoscaleCommand } from './autoscale/commands';
import type { Millis, Seq } from './base/ids';
import type { ClusterCommand } from './cluster/commands';
import type { GridCommand } from './grid/commands';
import type { ElectLeader } from './leadership/commands';
import type { LinkCommand } from './link/commands';
import type { AnchorFlows } from './log/commands';
import type { Rejection } from './message';
import type { NodeCommand } from './node/commands';
import type { PublishPackage } from './package/commands';
import type { PathCommand } from './path/commands';
import type { PolicyCommand } from './policy/commands';
import type { ProbeCommand } from './probe/commands';
import type { ProvisioningCommand } from './provisioning/commands';
import type { ReplicationCommand } from './replication/commands';
import type { TopologyLifeCommand } from './topology/commands';

/** What can be asked of the control plane, by type. */
export type CommandBody =
  | GridCommand
  | NodeCommand
  | AgentCommand
  | ClusterCommand
  | LinkCommand
  | ProbeCommand
  | PolicyCommand
  | PathCommand
  | TopologyLifeCommand
  | ProvisioningCommand
  | ReplicationCommand
  | PublishPackage
  | AutoscaleCommand
  | ElectLeader
  | AnchorFlows;

/** A command as it is submitted. A repeat of the same `id` gets the first outcome. */
export interface CommandRequest {
  readonly id: string;
  /** The principal: `operator:alice`, `actor:cluster/2`, `workflow:…`. */
  readonly by: string;
  /** After this time (grid time) the command is refused as `expired`; at most {@link COMMAND_LIFETIME_MS} ahead. */
  readonly deadline: Millis;
  /** Seq of the commit that this command reacts to; absent = 0, it comes from outside. */
  readonly cause?: Seq;
  /** Id of the outside command at the beginning of the chain of causes; absent = `id`. */
  readonly corr?: string;
  readonly body: CommandBody;
}

/** A command as it is decided: `at` is the injected clock when its turn came, never before the head of the log. */
export interface Command extends CommandRequest {
  readonly at: Millis;
}

/** How far ahead a command's deadline may lie: bounds how long outcomes must be remembered. */
export const COMMAND_LIFETIME_MS = 60_000;
/** How long an outcome is remembered beyond the latest deadline that its command can have had. */
export const OUTCOME_MARGIN_MS = 60_000;

/**
 * What became of a command. `accepted`: committed as `seq`, durable. `unchanged`: the grid already was as wanted.
 * `rejected`: nothing changed; the same id may be submitted again.
 */
export type Outcome =
  | { readonly status: 'accepted'; readonly seq: Seq }
  | { readonly status: 'unchanged' }
  | { readonly status: 'rejected'; readonly rejection: Rejection };
