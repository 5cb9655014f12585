/** A public key as people copy it: 32 bytes in base64. */
export function isPublicKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{43}=$/.test(text);
}

/** Whether an address is one that only this machine reaches. */
export function isLoopback(address: string): boolean {
  return /^(wss?:\/\/)?(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(\W|$)/.test(address);
}
