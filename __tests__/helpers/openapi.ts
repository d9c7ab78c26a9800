import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';

/** Extracted from Cakemail's OpenAPI document. Not part of the project: without it nothing is compared. */
const FILE =
  process.env['CAKEMAIL_OPENAPI'] ?? join(__dirname, '../../../shared/facts/cakemail-openapi-1.18.25-webhooks.json');

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly type: string | undefined;
  readonly body: unknown;
  readonly status: number;
  readonly answer: unknown;
}

const hasOpenApi = existsSync(FILE);

/** Lists the parts of an exchange that the vendor's document does not allow. */
export function violationsOf(exchange: Exchange): string[] {
  return hasOpenApi ? compare(exchange) : [];
}

const document = hasOpenApi ? JSON.parse(readFileSync(FILE, 'utf8')) : { paths: {}, components: {} };
const ajv = new Ajv({ strict: false, validateFormats: false, coerceTypes: false, allErrors: true });
ajv.addSchema({ $id: 'api', components: document.components });
const fromQuery = new Ajv({ strict: false, validateFormats: false, coerceTypes: true });

function compare({ method, path, query, type, body, status, answer }: Exchange): string[] {
  const template = path.replace(/^(\/webhooks\/)[^/]+/, '$1{webhook_id}');
  const operation: Operation | undefined = document.paths[template]?.[method.toLowerCase()];
  if (operation === undefined) return [`${method} ${template} is not in the document`];
  const problems: string[] = [];
  for (const [name, value] of query) {
    const parameter = operation.parameters?.find((each) => each.in === 'query' && each.name === name);
    if (parameter === undefined) problems.push(`query ${name} is not in the document`);
    else if (!fromQuery.validate(parameter.schema, value)) problems.push(`query ${name}: ${fromQuery.errorsText()}`);
  }
  const wanted = operation.requestBody?.content[type ?? ''];
  if (operation.requestBody !== undefined && wanted === undefined) problems.push(`body: of type ${type}`);
  if (operation.requestBody === undefined && body !== undefined) problems.push('body: there should be none');
  if (wanted !== undefined) check(wanted.schema, body, 'body', problems);
  const given = operation.responses[String(status)]?.content?.['application/json'];
  if (given !== undefined) check(given.schema, answer, `answer ${status}`, problems);
  return problems.map((problem) => `${method} ${template}: ${problem}`);
}

function check(schema: object, value: unknown, what: string, problems: string[]): void {
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components'));
  const validate = ajv.compile(absolute);
  if (!validate(value)) problems.push(`${what}: ${ajv.errorsText(validate.errors)}`);
}
