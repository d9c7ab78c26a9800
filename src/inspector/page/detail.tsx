import { useEffect, useState } from 'preact/hooks';
import type { DeliveryDetail, DeliverySummary, PageSettings } from '../server/protocol.js';
import { Body } from './body.js';
import { copy, curlOf, textOf } from './export.js';
import { useKeyboard } from './keyboard.js';
import { nameOf, OUTCOMES, reasonLabel } from './labels.js';
import { server } from './requests.js';
import { Runs } from './runs.js';

interface Props {
  readonly summary: DeliverySummary;
  readonly settings: PageSettings | undefined;
  readonly onClose: () => void;
}

/** Shows one delivery and its actions. */
export function Detail({ summary, settings, onClose }: Props) {
  const [detail, setDetail] = useState<DeliveryDetail>();
  const [said, setSaid] = useState('');
  const [edited, setEdited] = useState<string>();
  const { key, outcome, status, attempts, durationMs } = summary;

  // Loads the delivery again whenever the stream reports a change of it.
  useEffect(() => {
    let isOver = false;
    server.delivery(key).then(
      (found) => isOver || setDetail(found),
      (error: Error) => isOver || setSaid(error.message),
    );
    return () => {
      isOver = true;
    };
  }, [key, outcome, status, attempts, durationMs]);

  function say(doing: Promise<string>): void {
    setSaid('…');
    doing.then(setSaid, (error: Error) => setSaid(error.message));
  }
  const replay = (): void => {
    if (detail?.canReplay) say(server.replay(key).then(({ status }) => `Replayed: ${status}`));
  };
  useKeyboard({ r: replay });

  const body = detail && textOf(detail.bodyBase64);
  return (
    <article class="detail" aria-label="Delivery">
      <header>
        <button type="button" class="close" onClick={onClose} aria-label="Close">
          ←
        </button>
        <h2>{nameOf(summary)}</h2>
        <span class={`badge ${outcome}`}>
          {status ?? '···'} {outcome}
        </span>
      </header>
      <p class="verdict">
        {OUTCOMES[outcome]} {summary.reason && <b>{reasonLabel(outcome, summary.reason)}</b>}
      </p>
      {detail?.cause && <pre class="error">{detail.cause}</pre>}
      {detail?.mistakes?.map(({ id, what, fix }) => (
        <p class="mistake" key={id}>
          <b>{what}</b> {fix}
        </p>
      ))}
      {detail?.isDiagnosisCut && (
        <p class="mistake">
          Not every known mistake was tried, because that would take too long here. Save the body as a fixture, and{' '}
          <code>npx cakemail-webhooks doctor</code> tries them all.
        </p>
      )}
      {summary.reason === 'mismatch' && detail?.mistakes?.length === 0 && !detail.isDiagnosisCut && (
        <p class="mistake">No known mistake explains it: it is another key, another body, or a forgery.</p>
      )}
      {detail?.drift.map((line) => (
        <p class="drift" key={line}>
          Not as published: {line}
        </p>
      ))}
      {detail && (
        <>
          <div class="actions">
            <button
              type="button"
              disabled={!detail.canReplay}
              onClick={replay}
              title={detail.canReplay ? 'Runs its handlers again (r)' : 'Only a verified delivery can run again'}
            >
              Replay
            </button>
            {settings?.canSign && (
              <button type="button" disabled={!body} onClick={() => setEdited(body)}>
                Edit and sign
              </button>
            )}
            <button
              type="button"
              disabled={!settings || detail.bodyBase64 === ''}
              onClick={() => settings && say(copy(curlOf(detail.bodyBase64, settings)).then(() => 'Copied as curl'))}
            >
              Copy as curl
            </button>
            <a class="button" href={`api/deliveries/${key}/body`} download>
              Save as fixture
            </a>
            <output>{said}</output>
          </div>
          {edited !== undefined && (
            <form
              class="editor"
              onSubmit={(event) => {
                event.preventDefault();
                say(server.send(edited).then(({ status }) => `Signed and sent: ${status}`));
              }}
            >
              <textarea
                aria-label="Body to sign"
                rows={12}
                spellcheck={false}
                value={edited}
                onInput={({ currentTarget }) => setEdited(currentTarget.value)}
              />
              <button type="submit">Sign and send</button>
              <button type="button" onClick={() => setEdited(undefined)}>
                Cancel
              </button>
            </form>
          )}
          <Runs runs={detail.runs} />
          <Body text={body} bodyBase64={detail.bodyBase64} />
          <details open>
            <summary>Headers</summary>
            <table class="headers">
              <tbody>
                {Object.entries(detail.headers).map(([name, value]) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>{String(value)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            <small>Credentials, cookies and the signature are not shown.</small>
          </details>
          <p class="id">
            <small>
              {new Date(detail.at).toISOString()}
              <br />
              {detail.id}
            </small>
          </p>
        </>
      )}
    </article>
  );
}
