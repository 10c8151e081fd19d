// docs/mcp.md is what people copy from, so all that it shows is carried out.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { describe, expect, it, onTestFinished } from 'vitest';
import { copyCode } from '../support/code.ts';
import { cleanEnvironment, codeRoot, makeInstance, runProgram } from '../support/instance.ts';
import { connect } from '../support/mcp.ts';

const page = readFileSync(join(codeRoot, 'docs/mcp.md'), 'utf8');

/** The blocks of one language, with this test's paths in place of the examples. */
function blocks(language: string, root: string, code = codeRoot): string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text = '']) =>
    text.replaceAll('/path/to/understudy', code).replaceAll('/path/to/instance', root),
  );
}

interface Server {
  readonly command: string;
  readonly args: string[];
}

async function expectServes({ command, args }: Server): Promise<void> {
  const client = new Client({ name: 'a test', version: '1' });
  const env = cleanEnvironment() as Record<string, string>;
  await client.connect(new StdioClientTransport({ command, args, env }));
  onTestFinished(() => client.close());
  const { structuredContent } = await client.callTool({ name: 'process_list', arguments: {} });
  expect(structuredContent).toMatchObject({ processes: [], bots: [{ name: 'staging' }] });
}

describe('docs/mcp.md', () => {
  it.each([
    [0, 'mcpServers'],
    [1, 'servers'],
  ])('the settings of clients start a server that works (%i)', async (index, key) => {
    const text = blocks('json', makeInstance())[index] ?? '';
    const settings = JSON.parse(text) as Record<string, Record<string, Server>>;
    await expectServes(settings[key]?.understudy as Server);
  });

  it('so do those in TOML, whose strings and lists are those of JSON', async () => {
    const [text = ''] = blocks('toml', makeInstance());
    const lines = text.split('\n').filter((line) => line.includes(' = '));
    const entries = lines.map((line) => {
      const [key = '', value = ''] = line.split(/ = (.*)/);
      return [key, JSON.parse(value)];
    });
    await expectServes(Object.fromEntries(entries));
  });

  it('the program prints the bots', async () => {
    // In a copy of the code, where the packages are found.
    const code = copyCode();
    const [program = ''] = blocks('js', makeInstance(), code);
    writeFileSync(join(code, 'example.mjs'), program);
    const { stdout, exitCode, stderr } = await runProgram(process.execPath, [join(code, 'example.mjs')]);
    expect(stderr).toBe('');
    expect([stdout, exitCode]).toEqual(['staging: stopped\n', 0]);
  });

  it('the policy allows and denies what it says', async () => {
    const policy = blocks('json', '')[2] ?? '';
    const root = makeInstance({ 'config.json': policy });
    const connection = await connect('2025', { root });
    const codeOf = async (name: string, input: Record<string, unknown>) =>
      (await connection.call(name, input)).error?.code;
    expect(await codeOf('process_run', { command: 'git status --short', wait: 10 })).toBeUndefined();
    expect(await codeOf('process_run', { command: 'git status; id' })).toBe('not_confirmed');
    expect(await codeOf('process_run', { command: 'npm publish' })).toBe('not_confirmed');
    expect(await codeOf('process_promote', {})).toBe('denied_by_policy');
  });

  it('the command for trying it by hand prints one long line', async () => {
    const [command = ''] = blocks('sh', makeInstance());
    const { stdout, exitCode } = await runProgram('/bin/sh', ['-c', command]);
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ id: 1, result: { tools: expect.any(Array) } });
  });
});
