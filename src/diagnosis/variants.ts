/** A known mistake: what it is, and what to do about it. */
export interface Mistake {
  /** Stable, for programs. */
  readonly id: string;
  readonly what: string;
  readonly fix: string;
}

/** A value as it is, or as it may have been before a known mistake was made with it. */
export interface Variant<T> {
  readonly value: T;
  /** Undefined for the value as it is. */
  readonly mistake?: Mistake;
}

type Maker<T> = Mistake & { readonly make: (value: T) => T | undefined };

/** Gives a value and the variants of it; leaves out what cannot be made of it. */
export function variantsOf<T>(value: T, makers: readonly Maker<T>[]): Variant<T>[] {
  return [{ value }, ...[...variantsIn(value, makers)].filter((variant) => variant !== undefined)];
}

/** Makes one at a time, so that a caller can pause between them. Yields undefined for one that cannot be made. */
export function* variantsIn<T>(value: T, makers: readonly Maker<T>[]): Generator<Variant<T> | undefined> {
  for (const { make, ...mistake } of makers) {
    const made = attempt(() => make(value));
    yield made === undefined ? undefined : { value: made, mistake };
  }
}

function attempt<T>(make: () => T | undefined): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
