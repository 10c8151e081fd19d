import { expect, it } from 'vitest';
import { maskCaller, maskDeep, maskFailure } from '../../skills/masking.ts';
import { createMask } from '../../skills/process-manager/index.ts';
import { type Confirmation, Failure, type Progress } from '../../skills/tool.ts';

const mask = (text: string) => text.replaceAll('s3cret', '[masked]');

it('hides what is asked and said meanwhile, and leaves out what the surface cannot do', async () => {
  const said: unknown[] = [];
  const caller = maskCaller(mask, {
    confirm: async ({ question }: Confirmation) => {
      said.push(question);
      return true;
    },
    notify: (message) => said.push(message),
    progress: (step: Progress) => said.push(step),
    channel: '1',
  });
  const asked = {
    id: '1',
    tool: 'run',
    input: {},
    question: 'Run echo s3cret?',
    expiresAt: 0,
  } as Confirmation & object;
  expect(await caller.confirm?.(asked)).toBe(true);
  caller.notify?.('saw s3cret');
  caller.progress?.({ message: 'gate 1: s3cret', fraction: 0.5 });
  expect(said).toEqual([
    'Run echo [masked]?',
    'saw [masked]',
    { message: 'gate 1: [masked]', fraction: 0.5 },
  ]);
  expect(caller.channel).toBe('1');
  expect(maskCaller(mask, {})).toEqual({});
});

it('hides secrets at any depth of an output, and in a failure', () => {
  expect(maskDeep(mask, { lines: ['a s3cret', { deep: 's3cret' }], count: 1, none: null })).toEqual({
    lines: ['a [masked]', { deep: '[masked]' }],
    count: 1,
    none: null,
  });
  const failure = maskFailure(mask, new Failure('code', 'has s3cret', 'use s3cret'));
  expect([failure.code, failure.message, failure.hint]).toEqual(['code', 'has [masked]', 'use [masked]']);
});

it('hides what goes over several lines of a list, and leaves other lists as they are', () => {
  const maskKey = (text: string) => text.replaceAll(/<key>[^<]*<\/key>/g, '[masked]');
  const lines = ['before', '<key>', 'secret', '</key>', 'after'];
  expect(maskDeep(maskKey, { lines, words: ['a\nb', 'c'], mixed: ['<key>', 1, '</key>'] })).toEqual({
    lines: ['before', '[masked]', '[masked]', '[masked]', 'after'],
    words: ['a\nb', 'c'],
    mixed: ['<key>', 1, '</key>'],
  });
});

it('masks lines of one text together, and leaves their number as it was', () => {
  const key = (text: string) =>
    text.replaceAll(/BEGIN[^-]*END/g, '[masked]').replaceAll('s3cret', '[masked]');
  const lines = ['one', 'a s3cret here', 'x BEGIN', 'body', 's3cret', 'END y', 'two', 's3cret', 'three'];
  expect(maskDeep(key, { lines })).toEqual({
    lines: [
      'one',
      'a [masked] here',
      'x [masked] y',
      '[masked]',
      '[masked]',
      '[masked]',
      'two',
      '[masked]',
      'three',
    ],
  });
  expect(maskDeep(key, ['BEGIN', 'body'])).toEqual(['BEGIN', 'body']);
  expect(maskDeep(key, ['BEGIN', 'END'])).toEqual(['[masked]', '[masked]']);
  expect(maskDeep(key, ['a', 'b\nc'])).toEqual(['a', 'b\nc']);
});

it('finds the lines behind a key again, whose first line alone is masked to the same', () => {
  const real = createMask([]);
  const key = [
    '-----BEGIN PRIVATE KEY-----',
    'MIIEvQIBADANBgkqhkiG9w0B',
    'AQEFAASC',
    '-----END PRIVATE KEY-----',
  ];
  const hidden = key.map(() => '[masked]');
  expect(maskDeep(real, ['one', ...key, 'two', ...key, ...key, 'three'])).toEqual([
    ...['one', ...hidden, 'two', ...hidden, ...hidden, 'three'],
  ]);
  expect(maskDeep(real, ['one', ...key.slice(0, 3)])).toEqual(['one', ...hidden.slice(0, 3)]);
});
