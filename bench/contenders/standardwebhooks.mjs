import { Webhook } from 'standardwebhooks';
import { listenWith, signer } from './standard.mjs';

export const sign = signer('webhook');
export const listen = () => listenWith(Webhook);
