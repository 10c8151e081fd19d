// Who asks, and what they may do. Owners (DISCORD_OWNER_ID) and members with an admin role may do everything; everyone
// else may do nothing here. The dispatcher decides by these rights; no handler does.

import type { Actor, Permission } from '../../skills/tool.ts';
import type { DiscordOptions } from './surroundings.ts';

const every: readonly Permission[] = ['read', 'operate', 'deploy'];

/** Somebody on Discord. */
export interface Somebody {
  readonly id: string;
  readonly name: string;
  /** Their roles in the guild where they ask; none in a direct message. */
  readonly roleIds: readonly string[];
}

/** Turns people of Discord into actors. */
export function createActors({ discord, environment }: DiscordOptions['config']): (who: Somebody) => Actor {
  const owners = new Set(environment.discord.ownerIds);
  const adminRoles = new Set(discord.adminRoles);
  return ({ id, name, roleIds }) => ({
    id: `discord:${id}`,
    name,
    surface: 'discord',
    rights: owners.has(id) || roleIds.some((role) => adminRoles.has(role)) ? every : [],
  });
}

/**
 * The roles that came with what somebody did. The manager of discord.js would leave out those that it has not been told
 * of, as in a server that is unavailable at the moment.
 */
export function rolesOf(member: unknown): string[] {
  const { roles, _roles = roles } = (member ?? {}) as { roles?: unknown; _roles?: unknown };
  return Array.isArray(_roles) ? _roles.map(String) : [];
}
