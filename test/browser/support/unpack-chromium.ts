import chromium from '@sparticuz/chromium';

// A process of its own, because the package unpacks into the directory for temporary files, into which its environment
// leads, and takes any `chromium` that it finds there.
await chromium.executablePath();
