/** A copy of the version in package.json, because the two builds cannot read that file in the same way. A test compares them. */
export const VERSION = '0.1.0';
