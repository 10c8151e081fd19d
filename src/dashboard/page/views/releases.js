// The releases as a timeline: what changed, what the gates said, the verdict of the trial; promoting and going back.

import { act } from '../activity.js';
import { call, problemOf } from '../api.js';
import { button, el, fill } from '../dom.js';
import { chip, drawEmpty, drawProblem } from '../draw.js';
import { age, clean, duration, size, when } from '../words.js';

const lookEveryMs = 4_000;
const shownFiles = 500;

const verdicts = {
  staged: 'It waits for the watchdog to switch it live.',
  switching: 'It is being switched live now.',
  trial: 'It is live on trial: it must come up and stay up.',
  good: 'It proved itself in its trial.',
  reverting: 'It is being taken back now.',
  reverted: 'It was taken back.',
  failed: 'It failed, and never became live.',
  damaged: 'Its release.json cannot be read.',
};

/** @type {import('../main.js').View} */
export function releasesView(state, gone) {
  const live = el('p', { class: 'quiet' }, 'Asking for the releases …');
  const list = el('ol', { class: 'timeline' });
  let before = '';
  const look = async () => {
    try {
      const { output } = await call('releases', {}, { isRepeated: true });
      const now = JSON.stringify(output);
      if (now === before || gone.aborted) return;
      before = now;
      live.textContent = `Live is ${output.live}.`;
      const goodOnes = output.releases.filter((/** @type {any} */ { state: each }) => each === 'good');
      fill(list, ...output.releases.map((/** @type {any} */ each) => item(each, output.live, goodOnes)));
      if (output.releases.length === 0) {
        fill(
          list,
          drawEmpty(
            'Nothing has been promoted yet.',
            'Change something in staging/, then see what would be promoted.',
          ),
        );
      }
    } catch (error) {
      before = '';
      fill(
        list,
        drawProblem(
          problemOf(error),
          button('Try again', () => void look()),
        ),
      );
      clearInterval(timer);
    }
  };
  const timer = setInterval(() => {
    if (state.connection === 'open' && !document.hidden && !list.querySelector('details[open]')) void look();
  }, lookEveryMs);
  gone.addEventListener('abort', () => clearInterval(timer));
  void look();
  const again = async (/** @type {Promise<any>} */ done) => {
    await done;
    if (!gone.aborted) await look();
  };
  return el(
    'div',
    {},
    el('h1', {}, 'Releases'),
    live,
    el(
      'div',
      { class: 'row' },
      button('What would change', () => void act('What would be promoted', 'promote', { dryRun: true })),
      button('Promote staging …', () => void again(act('Promote staging', 'promote', {})), {
        class: 'primary',
      }),
      button('Roll back …', () => void again(act('Roll back', 'rollback', {})), { class: 'danger' }),
    ),
    list,
  );
}

/** @param {any} release @param {string} live @param {readonly any[]} goodOnes */
function item(release, live, goodOnes) {
  const { version, state, createdAt, stateAt, reason, stagedBy, commit, changes, gates } = release;
  const isOlder = state === 'good' && version !== live && goodOnes.includes(release);
  const isBad = state === 'reverted' || state === 'failed' || state === 'damaged';
  const details = el(
    'details',
    {},
    el('summary', {}, `Changes and gates of ${version}`),
    el('p', { class: 'quiet' }, 'Reading …'),
  );
  details.addEventListener('toggle', () => {
    if (details.open && details.dataset.read !== 'yes') void readDetails(details, release);
  });
  return el(
    'li',
    {},
    el(
      'h2',
      {},
      version,
      ' ',
      chip(state),
      version === live ? ' ' : null,
      version === live ? chip('live') : null,
    ),
    el('p', {}, verdicts[/** @type {keyof typeof verdicts} */ (state)] ?? ''),
    reason ? el('p', {}, el('strong', {}, isBad ? 'Why: ' : 'What for: '), clean(reason)) : null,
    el(
      'p',
      { class: 'quiet' },
      `Promoted ${age(createdAt)} (${when(createdAt)})${stagedBy ? ` by ${clean(stagedBy)}` : ''}${stateAt ? `; ${state} since ${when(stateAt)}` : ''}${commit ? `; commit ${commit.slice(0, 10)}` : ''}`,
    ),
    changes
      ? el(
          'p',
          {},
          `${changes.added} added, ${changes.changed} changed, ${changes.removed} removed; ${gatesInWords(gates)}`,
        )
      : null,
    details,
    isOlder
      ? button(`Go back to ${version} …`, () => void act(`Go back to ${version}`, 'rollback', { version }), {
          class: 'danger',
        })
      : null,
  );
}

/** @param {{verdict: string}[]} gates */
function gatesInWords(gates) {
  if (gates.length === 0) return 'no gates';
  return `gates: ${gates.map(({ verdict }) => verdict).join(', ')}`;
}

/** @param {HTMLDetailsElement} details @param {any} release */
async function readDetails(details, { version, gates }) {
  const summary = details.querySelector('summary');
  const put = (/** @type {(Node | null)[]} */ ...content) => fill(details, summary, ...content);
  try {
    const { output } = await call('releases', { version }, { isRepeated: true });
    const { changes, gates: printed } = output.details ?? {
      changes: { added: [], changed: [], removed: [] },
      gates: [],
    };
    const files = ['added', 'changed', 'removed'].flatMap((what) =>
      changes[what].map((/** @type {any} */ { path, bytes }) =>
        el(
          'li',
          { class: what },
          el('span', { class: 'sign' }, `${signs[what]} ${what}`),
          ' ',
          el('code', {}, clean(path)),
          ` ${size(bytes)}`,
        ),
      ),
    );
    put(
      el('h3', {}, 'Files'),
      files.length === 0
        ? el('p', {}, 'No file differs.')
        : el('ul', { class: 'diff' }, ...files.slice(0, shownFiles)),
      files.length > shownFiles
        ? el('p', {}, `… and ${files.length - shownFiles} more: understudy releases ${version}`)
        : null,
      el('h3', {}, 'Gates'),
      gates.length === 0 ? el('p', {}, 'It was promoted without gates.') : null,
      ...gates.map((/** @type {any} */ { command, verdict, durationMs }, /** @type {number} */ index) =>
        el(
          'div',
          {},
          el(
            'p',
            {},
            chip(verdict === 'passed' ? 'ok' : 'failed'),
            ' ',
            el('code', {}, clean(command)),
            ` ${verdict} after ${durationMs < 10_000 ? `${(durationMs / 1_000).toFixed(1)} s` : duration(durationMs / 1_000)}`,
          ),
          el(
            'pre',
            { tabindex: 0 },
            clean((printed[index]?.output ?? []).join('\n')) || 'It printed nothing.',
          ),
        ),
      ),
    );
    details.dataset.read = 'yes';
  } catch (error) {
    put(drawProblem(problemOf(error)));
  }
}

/** @type {Record<string, string>} */
const signs = { added: '+', changed: '~', removed: '−' };
