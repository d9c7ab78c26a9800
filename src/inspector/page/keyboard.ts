import { useLayoutEffect } from 'preact/hooks';

export type Command = () => void;

/** Calls the command of a key, unless the key is meant for a field. */
export function useKeyboard(commands: Partial<Record<string, Command>>): void {
  // A layout effect, so that the next key already meets the changes of this one.
  useLayoutEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.key === 'Escape') target.blur();
      else if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      const command = commands[event.key];
      if (command === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      command();
    };
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  });
}
