export { type Inspector, type InspectorOptions, inspector } from './server/inspector.js';
