import { useState } from 'preact/hooks';

/** Members that are drawn of one value; a payload may have any number. */
const MOST = 200;
const OPEN_DEPTH = 3;

interface Props {
  readonly name?: string;
  readonly value: unknown;
  readonly depth?: number;
}

/** JSON to fold and unfold. What is folded is not in the page, however deep it goes. */
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
          {members.slice(0, MOST).map(([member, inner]) => (
            <Tree key={member} name={member} value={inner} depth={depth + 1} />
          ))}
          {members.length > MOST && <div class="leaf">… {members.length - MOST} more; see the raw bytes</div>}
        </div>
      )}
    </details>
  );
}
