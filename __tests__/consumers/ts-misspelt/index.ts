// Every call here is a mistake: the test looks at what the compiler says about it.
import { createWebhookRouter } from 'cakemail-webhooks';

const webhooks = createWebhookRouter({ secret: 'key' });

webhooks.on('User.LogedIn', () => {});
webhooks.on('email.opened', () => {});
webhooks.on('Email.Bonced', () => {});
webhooks.off('Contcat.*', () => {});
webhooks.on(['User.LoggedIn', 'Email.Clickd'], () => {});
webhooks.on('Something.QuiteDifferent', () => {});
webhooks.on('User.LoggedIn', 'handler');
