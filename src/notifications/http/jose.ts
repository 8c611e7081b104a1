// The one place that imports `jose`. It is ESM only, and Jest in CommonJS can't load that: in the CommonJS build of this
// library a bundle of jose takes the place of this file (build-package.js).
export { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
