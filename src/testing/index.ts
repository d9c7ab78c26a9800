export { type SampleOverrides, sampleEvent } from './samples.js';
export { sign } from './sign.js';
export { type SignedRequest, type SignOptions, signedRequest } from './signed-request.js';
