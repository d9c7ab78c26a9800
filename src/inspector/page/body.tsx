import { useMemo, useState } from 'preact/hooks';
import { Tree } from './tree.js';

interface Props {
  /** Undefined when the body is not UTF-8. */
  readonly text: string | undefined;
  readonly bodyBase64: string;
}

/** Shows the body as a tree or as its raw bytes. */
export function Body({ text, bodyBase64 }: Props) {
  const [isRaw, setIsRaw] = useState(false);
  const parsed = useMemo(() => parse(text), [text]);
  return (
    <section class="body" aria-label="Body">
      <h3>
        Body
        {parsed && (
          <button type="button" class="link" aria-pressed={isRaw} onClick={() => setIsRaw(!isRaw)}>
            {isRaw ? 'show the tree' : 'show the raw bytes'}
          </button>
        )}
      </h3>
      {parsed && !isRaw ? <Tree value={parsed.value} /> : <pre class="raw">{text ?? `base64: ${bodyBase64}`}</pre>}
    </section>
  );
}

function parse(text: string | undefined): { readonly value: unknown } | undefined {
  try {
    return text === undefined ? undefined : { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
