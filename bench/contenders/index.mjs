/** Module by name. The snippet appears twice, to show how much two equal contenders differ. */
export const CONTENDERS = {
  snippet: 'snippet',
  'snippet (again)': 'snippet',
  'node:http by hand': 'node-http',
  '@octokit/webhooks': 'octokit',
  stripe: 'stripe',
  svix: 'svix',
  standardwebhooks: 'standardwebhooks',
  'ours in Express': 'ours-express',
  'ours in front': 'ours-in-front',
};

/** Variants that are not part of the comparison have the name of their module. */
export const load = (name) => import(`./${CONTENDERS[name] ?? name}.mjs`);
