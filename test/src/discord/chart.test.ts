import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { loadChart } from '../../../src/discord/chart.ts';
import { latest } from '../../discord/world.ts';
import { botConfig, runsOn } from '../../support/bots.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerWith, messageOf, startBot } from '../../support/discord-bot.ts';
import { makeLogger } from '../../support/skill.ts';

const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const samples = [1, 2, 3].map((minute) => ({
  at: minute * 60_000,
  cpuPercent: minute * 10,
  memoryBytes: minute * 1e7,
}));

/** The package where it is installed; else something that draws nothing, and says what it was asked to draw. */
function canvas(drawn: string[] = []): () => Promise<unknown> {
  return async () => {
    try {
      return createRequire(import.meta.url)('@napi-rs/canvas') as unknown;
    } catch {
      const context = new Proxy(
        {},
        {
          set: () => true,
          get:
            (_, name) =>
            (...values: unknown[]) =>
              void drawn.push(`${String(name)} ${values.join(' ')}`),
        },
      );
      return { createCanvas: () => ({ getContext: () => context, toBuffer: () => png }) };
    }
  };
}

describe('the chart', () => {
  it('is left out where the package is missing or broken', async () => {
    const missing = () => Promise.reject(new Error('no such package'));
    expect(await loadChart(makeLogger(), missing)).toBeUndefined();
    expect(await loadChart(makeLogger(), async () => ({}))).toBeUndefined();
  });

  it('is a PNG, and none of fewer than two samples', async () => {
    const chart = await loadChart(makeLogger(), canvas());
    expect(chart?.(samples)?.subarray(0, 8)).toEqual(png);
    expect(chart?.(samples.slice(0, 1))).toBeUndefined();
  });

  it('stays inside its picture', async () => {
    const drawn: string[] = [];
    const chart = await loadChart(makeLogger(), canvas(drawn));
    chart?.([...samples, { at: 9e5, cpuPercent: 800, memoryBytes: 0 }]);
    const points = drawn.flatMap(
      (line) => /^(?:moveTo|lineTo) (\S+) (\S+)$/.exec(line)?.slice(1, 3).map(Number) ?? [],
    );
    for (const [index, value] of points.entries()) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(index % 2 === 0 ? 480 : 180);
    }
  });

  it('comes with the status of a bot, and leaves no rows of its looking in the history', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const bot = await startBot(discord, ada, {
      files: { 'config.json': botConfig({ DataBot: { sh: runsOn } }) },
      timing: { editMs: 100, sampleMs: 150 },
      loadCanvas: canvas(),
    });
    await bot.instance.dispatcher.call(
      { id: 'cli:test', name: 'test', surface: 'cli', rights: ['operate'] },
      'start',
      { bot: 'DataBot' },
    );
    const file = await firstFile(async () => {
      const deed = ada.command('process', 'status', { process: 'DataBot' });
      await answerWith(deed, /DataBot/);
      return latest(messageOf(deed)).files[0];
    });
    expect(file?.name).toBe('usage.png');
    expect(file?.bytes.subarray(0, 8)).toEqual(png);
    expect(bot.instance.history.recent({ limit: 500, actor: 'discord:chart' })).toEqual([]);
  });

  it('is missing in the status where the package is missing', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    await startBot(discord, ada, {
      timing: { editMs: 100 },
      loadCanvas: () => Promise.reject(new Error('none')),
    });
    const deed = ada.command('process', 'status');
    await answerWith(deed, /staging/);
    expect(latest(messageOf(deed)).files).toEqual([]);
  });
});

/** Asks again until there are enough samples for a picture. */
async function firstFile<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const found = await ask();
    if (found) return found;
  }
  return undefined;
}
