// What the small Discord answers to each REST request: one table of routes.

import { interactionRoutes } from './interaction-routes.ts';
import { channelRoutes } from './message-routes.ts';
import { failure, type Route, route, type Surroundings } from './route.ts';
import type { Json, World } from './world.ts';

/** The table of routes. */
export function createRoutes(surroundings: Surroundings): Route[] {
  const { world } = surroundings;
  const id = '(\\d+)';
  const at = (path: string) => new RegExp(`^${path}$`);
  const channelBucket = (name: string) => [name, 5, 5_000] as const;
  return [
    route('GET', at('/gateway/bot'), () => ({
      url: surroundings.gatewayUrl(),
      shards: 1,
      session_start_limit: surroundings.sessionStartLimit(),
    })),
    route('GET', at('/gateway'), () => ({ url: surroundings.gatewayUrl() })),
    route('GET', at('/users/@me'), () => world.userJson(world.bot)),
    route('GET', at(`/users/${id}`), ({ params: [user = ''] }) => {
      const account = world.accounts.get(user);
      return account ? world.userJson(account) : failure(404, 10_013, 'Unknown User');
    }),
    route('GET', at('/(?:oauth2/applications|applications)/@me'), () => ({
      id: world.applicationId,
      name: world.bot.name,
      description: '',
      icon: null,
      bot_public: false,
      bot_require_code_grant: false,
      verify_key: '',
      flags: 0,
    })),
    {
      ...route('POST', at('/users/@me/channels'), ({ body }) =>
        world.channelJson(world.directChannel(String(body.recipient_id))),
      ),
      checks: 'direct channel',
    },
    ...guildRoutes(world, at, id),
    ...commandRoutes(world, at, id),
    ...channelRoutes(surroundings, at, id, channelBucket),
    ...interactionRoutes(surroundings, at, id),
  ];
}

function guildRoutes(world: World, at: (path: string) => RegExp, id: string): Route[] {
  return [
    route('GET', at(`/guilds/${id}`), () => world.guildJson()),
    route('GET', at(`/guilds/${id}/channels`), () => world.guildJson().channels),
    route('GET', at(`/guilds/${id}/roles`), () => world.guildJson().roles),
    route('GET', at(`/guilds/${id}/threads/active`), () => ({
      threads: world.guildJson().threads,
      members: [],
    })),
    route('GET', at(`/guilds/${id}/members`), () => world.guildJson().members),
    route('GET', at(`/guilds/${id}/members/${id}`), ({ params: [, user = ''] }) => {
      const account = world.accounts.get(user);
      if (!account) return failure(404, 10_007, 'Unknown Member');
      return { ...world.memberJson(account), user: world.userJson(account) };
    }),
  ];
}

function commandRoutes(world: World, at: (path: string) => RegExp, id: string): Route[] {
  const path = `/applications/${id}(?:/guilds/${id})?/commands`;
  const put = (body: Json) => {
    const known = [...world.commands.values()].find(({ name }) => name === body.name);
    const command = describeCommand(world, body, known ? String(known.id) : world.newId());
    world.commands.set(String(command.id), command);
    return command;
  };
  return [
    route('GET', at(path), () => [...world.commands.values()]),
    {
      ...route('PUT', at(path), ({ body }) => {
        const all = body as unknown as Json[];
        const kept = all.map(put);
        const names = new Set(kept.map(({ id: key }) => String(key)));
        for (const key of world.commands.keys()) if (!names.has(key)) world.commands.delete(key);
        return kept;
      }),
      checks: 'commands',
    },
    { ...route('POST', at(path), ({ body }) => put(body)), checks: 'command' },
    {
      ...route('PATCH', at(`${path}/${id}`), ({ body, params }) => {
        const known = world.commands.get(params.at(-1) ?? '');
        return known ? put({ ...known, ...body }) : failure(404, 10_063, 'Unknown application command');
      }),
      checks: 'command edit',
    },
    route('DELETE', at(`${path}/${id}`), ({ params }) => {
      world.commands.delete(params.at(-1) ?? '');
      return undefined;
    }),
  ];
}

/** Discord fills in what was not said, and leaves out what is as it would be anyway. */
function describeCommand(world: World, body: Json, key: string): Json {
  return {
    application_id: world.applicationId,
    version: world.newId(),
    type: 1,
    nsfw: false,
    description_localizations: null,
    name_localizations: null,
    integration_types: [0],
    contexts: null,
    ...body,
    ...(body.options === undefined ? {} : { options: (body.options as Json[]).map(withoutDefaults) }),
    id: key,
  };
}

function withoutDefaults(option: Json): Json {
  const kept = Object.entries(option).filter(
    ([key, value]) =>
      value !== false && value != null && !(Array.isArray(value) && value.length === 0 && key !== 'options'),
  );
  const inner = option.options as Json[] | undefined;
  return { ...Object.fromEntries(kept), ...(inner ? { options: inner.map(withoutDefaults) } : {}) };
}
