/** As in package.json, which cannot be read in the same way from both builds. A test keeps them equal. */
export const VERSION = '0.1.0';
