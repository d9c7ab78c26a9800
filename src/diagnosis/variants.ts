/** A known mistake and its fix. */
export interface Mistake {
  /** A stable id for programs. */
  readonly id: string;
  readonly what: string;
  readonly fix: string;
}

/** A value, or the value that it may have been before a known mistake. */
export interface Variant<T> {
  readonly value: T;
  /** Undefined for the unchanged value. */
  readonly mistake?: Mistake;
}

type Maker<T> = Mistake & { readonly make: (value: T) => T | undefined };

/** Returns a value and its variants. */
export function variantsOf<T>(value: T, makers: readonly Maker<T>[]): Variant<T>[] {
  return [{ value }, ...[...makeVariants(value, makers)].filter((variant) => variant !== undefined)];
}

/** Makes one variant at a time, so that a caller can pause. Yields undefined for one that cannot be made. */
export function* makeVariants<T>(value: T, makers: readonly Maker<T>[]): Generator<Variant<T> | undefined> {
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
