// A bare discord.js bot that has /process, for the people that DISCORD_OWNER_ID names.

import { Client } from 'discord.js';
import { openProcessManager } from 'understudy/process-manager';

const manager = openProcessManager({ root: process.cwd() });
const owners = (process.env.DISCORD_OWNER_ID ?? '').split(/[\s,]+/);
const api = process.env.DISCORD_API ?? 'https://discord.com/api';
const client = new Client({ intents: ['Guilds'], rest: { api } });

// Without this, an interaction that Discord has forgotten would end the bot.
client.on('error', console.error);
client.once('clientReady', () => client.application.commands.set(manager.slashCommands));
client.on('interactionCreate', async (interaction) => {
  if (!interaction.isChatInputCommand()) return;
  await interaction.deferReply();
  const { id, username: name } = interaction.user;
  const rights = owners.includes(id) ? ['read', 'operate', 'deploy'] : [];
  const actor = { id: `discord:${id}`, name, surface: 'discord', rights };
  await interaction.editReply(await manager.answer(interaction, actor));
});

manager.start();
await client.login(process.env.DISCORD_TOKEN);
