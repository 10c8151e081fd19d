import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { confine } from '../../../../skills/process-manager/processes/workspace.ts';

let folder: string;
let workspace: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'workspace-')));
  workspace = join(folder, 'work');
  await mkdir(join(workspace, 'inner', 'deep'), { recursive: true });
  await mkdir(join(workspace, '..hidden'));
  await mkdir(join(folder, 'work-evil'));
  await mkdir(join(folder, 'outside'));
  await writeFile(join(workspace, 'file'), '');
  await symlink(join(folder, 'outside'), join(workspace, 'way-out'));
  await symlink(workspace, join(folder, 'link-to-work'));
  await symlink('inner', join(workspace, 'link-inside'));
  await symlink('loop', join(workspace, 'loop'));
  await symlink('nowhere', join(workspace, 'dangling'));
  await symlink('/', join(workspace, 'root'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('folders outside', () => {
  it.each([
    '..',
    '../work-evil',
    '../outside',
    'inner/../../outside',
    'way-out',
    'root',
    'root/tmp',
    '/',
    '/tmp',
  ])('are refused: %s', async (directory) => {
    await expect(confine(workspace, directory)).rejects.toMatchObject({ code: 'outside_workspace' });
  });

  it('are refused by their absolute paths too, though they begin alike', async () => {
    await expect(confine(workspace, `${workspace}-evil`)).rejects.toMatchObject({
      code: 'outside_workspace',
    });
    await expect(confine(workspace, `${workspace}/../outside`)).rejects.toMatchObject({
      code: 'outside_workspace',
    });
  });

  it('are refused when the workspace is itself reached by a link', async () => {
    await expect(confine(join(folder, 'link-to-work'), '..')).rejects.toMatchObject({
      code: 'outside_workspace',
    });
  });
});

describe('what is no folder', () => {
  it.each(['missing', 'inner/missing', 'file', 'file/x', 'loop', 'dangling', 'in\0ner'])(
    'is refused: %j',
    async (directory) => {
      await expect(confine(workspace, directory)).rejects.toMatchObject({
        code: 'no_such_folder',
        name: 'Failure',
      });
    },
  );

  it('is refused as the workspace', async () => {
    await expect(confine(join(folder, 'missing'), undefined)).rejects.toMatchObject({
      code: 'no_such_folder',
    });
  });
});

describe('folders inside', () => {
  it.each([
    [undefined, ''],
    ['', ''],
    ['.', ''],
    ['inner', 'inner'],
    ['inner/', 'inner'],
    ['./inner/../inner/deep', 'inner/deep'],
    ['..hidden', '..hidden'],
    ['link-inside/deep', 'inner/deep'],
    ['../work/inner', 'inner'],
    ['../link-to-work/inner', 'inner'],
  ])('are given by their real path: %j', async (directory, expected) => {
    expect(await confine(workspace, directory)).toBe(join(workspace, expected));
    expect(await confine(join(folder, 'link-to-work'), directory)).toBe(join(workspace, expected));
  });

  it('may be named by an absolute path, through a link as well', async () => {
    expect(await confine(workspace, join(workspace, 'inner'))).toBe(join(workspace, 'inner'));
    expect(await confine(workspace, join(folder, 'link-to-work', 'inner'))).toBe(join(workspace, 'inner'));
  });

  it('are all folders when the workspace is the root', async () => {
    expect(await confine('/', workspace)).toBe(workspace);
    expect(await confine('/', undefined)).toBe('/');
  });
});
