import { useLayoutEffect, useState } from 'preact/hooks';

const STORED = 'cakemail-webhooks-theme';

/** Follows the theme of the system until the user chooses the other one. */
export function ThemeButton() {
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const [theme, setTheme] = useState(() => localStorage.getItem(STORED));
  const other = (theme ?? system) === 'dark' ? 'light' : 'dark';
  useLayoutEffect(() => {
    if (theme === null) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  function change(): void {
    const wanted = other === system ? null : other;
    if (wanted === null) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, wanted);
    setTheme(wanted);
  }
  return (
    <button type="button" class="theme" onClick={change} aria-label={`${other} colours`} title={`${other} colours`}>
      ◐
    </button>
  );
}
