import { useState } from 'preact/hooks';

/** The number of members that are drawn per value, because a payload may have any number. */
const MAX_MEMBERS = 200;
const OPEN_DEPTH = 3;

interface Props {
  readonly name?: string;
  readonly value: unknown;
  readonly depth?: number;
}

/** Shows a JSON value that folds. A folded value is not rendered, so its depth does not matter. */
export function Tree({ name, value, depth = 0 }: Props) {
  const [isOpen, setIsOpen] = useState(depth < OPEN_DEPTH);
  const label = name !== undefined && <span class="name">{name}: </span>;
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="leaf">
        {label}
        <span class={value === null ? 'null' : typeof value}>{JSON.stringify(value)}</span>
      </div>
    );
  }
  const members = Object.entries(value);
  const size = Array.isArray(value) ? `[${members.length}]` : `{${members.length}}`;
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>
        {label}
        <span class="size">{size}</span>
      </summary>
      {isOpen && (
        <div class="members">
          {members.slice(0, MAX_MEMBERS).map(([member, inner]) => (
            <Tree key={member} name={member} value={inner} depth={depth + 1} />
          ))}
          {members.length > MAX_MEMBERS && (
            <div class="leaf">… {members.length - MAX_MEMBERS} more; see the raw bytes</div>
          )}
        </div>
      )}
    </details>
  );
}
