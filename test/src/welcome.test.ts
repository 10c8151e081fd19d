import { describe, expect, it, onTestFinished } from 'vitest';
import { openInstance } from '../../src/instance.ts';
import { welcome } from '../../src/welcome.ts';
import { makeInstance } from '../support/instance.ts';
import { makeLogger, makeSkill, makeTool } from '../support/skill.ts';

describe('welcome', () => {
  it('says what is off and what to set, when nothing is set', () => {
    const text = greet({});
    expect(text).toMatch(/Discord +off: set DISCORD_TOKEN/);
    expect(text).toMatch(/Language model +off: set ANTHROPIC_API_KEY or OPENAI_API_KEY/);
    expect(text).toMatch(
      /Command line +on: npx understudy VERB \(look, act, …; all: npx understudy --help\)/,
    );
    expect(text).toContain('the live bot');
  });

  it('never shows a secret that is set', () => {
    const text = greet({ DISCORD_TOKEN: 'very-secret-token', OPENAI_API_KEY: 'sk-very-secret' });
    expect(text).not.toContain('very-secret');
    expect(text).not.toMatch(/(Discord|Language model) +off/);
  });

  it('knows a language model that wants no key', () => {
    expect(greet({ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' })).toMatch(/Language model +on/);
  });

  it('says where to type, and who may, when there is a token', () => {
    expect(greet({ DISCORD_TOKEN: 'token' })).toMatch(/Discord +connecting.*\/process.*set DISCORD_OWNER_ID/);
    const owned = greet({ DISCORD_TOKEN: 'token', DISCORD_OWNER_ID: '123456789012345678' });
    expect(owned).toMatch(/Discord +connecting: type \/process in your server\n/);
    expect(greet({ DISCORD_TOKEN: 'token', BOT_ROLE: 'staging' })).toMatch(/Discord +.*refuses everything/);
  });

  it('says that a staging bot manages nothing', () => {
    const text = greet({ BOT_ROLE: 'staging' });
    expect(text).toContain('the staging bot');
    expect(text).toMatch(/Command line +off/);
    expect(text).not.toContain('look, act');
  });

  function greet(environment: NodeJS.ProcessEnv): string {
    const instance = openInstance({
      root: makeInstance(),
      loaded: { skills: [makeSkill([makeTool('look', 'read'), makeTool('act', 'operate')])], failures: [] },
      environment,
      logger: makeLogger(),
    });
    onTestFinished(() => instance.close());
    return welcome(instance);
  }
});
