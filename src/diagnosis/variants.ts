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

/** Collects variants; what cannot be made of a value is left out. */
export function variantsOf<T>(
  value: T,
  makers: readonly (Mistake & { readonly make: (value: T) => T | undefined })[],
): Variant<T>[] {
  const variants: Variant<T>[] = [{ value }];
  for (const { make, ...mistake } of makers) {
    const made = attempt(() => make(value));
    if (made !== undefined) variants.push({ value: made, mistake });
  }
  return variants;
}

function attempt<T>(make: () => T | undefined): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
