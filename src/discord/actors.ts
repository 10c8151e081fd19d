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

/** Where the roles of a member are, whether discord.js knows the guild or not. */
export function rolesOf(member: unknown): string[] {
  const roles = (member as { roles?: unknown } | null | undefined)?.roles;
  if (Array.isArray(roles)) return roles.map(String);
  const cache = (roles as { cache?: ReadonlyMap<string, unknown> } | undefined)?.cache;
  return cache ? [...cache.keys()] : [];
}
