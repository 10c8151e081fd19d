import { describe, expect, it } from 'vitest';
import { checkNode } from '../../../../skills/process-manager/tools/doctor-checks.ts';

describe('the Node that runs this', () => {
  it.each([
    ['16.20.2', 'problem'],
    ['20.18.3', 'problem'],
    ['20.19.0', 'ok'],
    ['20.20.2', 'ok'],
    ['21.7.3', 'warning'],
    ['22.12.0', 'ok'],
    ['24.1.0', 'ok'],
    ['26.0.0', 'warning'],
  ])('%s: %s', (version, status) => {
    const finding = checkNode(version);
    expect(finding.status).toBe(status);
    expect(finding.hint === undefined).toBe(status === 'ok');
  });
});
