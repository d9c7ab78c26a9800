import { Webhook } from 'svix';
import { listenWith, signer } from './standard.mjs';

export const sign = signer('svix');
export const listen = () => listenWith(Webhook);
