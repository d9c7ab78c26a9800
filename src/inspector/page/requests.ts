import type { DeliveryDetail, InboxView, PageSettings, PlainInboxDelivery } from '../server/protocol.js';

async function call<T>(path: string, posted?: object): Promise<T> {
  const init = posted && {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(posted),
  };
  const response = await fetch(`api/${path}`, init);
  if (!response.ok) throw new Error(`${response.status} ${(await response.text()) || response.statusText}`);
  return response.json();
}

/** The requests that the page sends to the server. */
export const server = {
  settings: () => call<PageSettings>('settings'),
  delivery: (key: number) => call<DeliveryDetail>(`deliveries/${key}`),
  search: (text: string) => call<{ keys: number[] }>(`search?${new URLSearchParams({ text })}`),
  replay: (key: number) => call<{ status: number }>(`deliveries/${key}/replay`, {}),
  send: (body: string) => call<{ status: number }>('send', { body }),
  inbox: (filter: Record<string, string>) => call<InboxView>(`inbox?${new URLSearchParams(filter)}`),
  inboxDelivery: (id: string) => call<PlainInboxDelivery>(`inbox/${id}`),
  replayInbox: (which: object) => call<{ replayed: number }>('inbox/replay', which),
};
